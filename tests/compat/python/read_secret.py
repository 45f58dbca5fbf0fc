"""An application as its author wrote it for the cloud: it signs in, reads a secret and prints it. Which kind of credential it signs
in with, the vault and the secret's name are in the environment; read-secret.test.ts sets it."""

import os

from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from azure.keyvault.secrets import SecretClient

TENANT, CLIENT = os.environ.get("AZURE_TENANT_ID"), os.environ.get("AZURE_CLIENT_ID")
# The one setting that a private authority needs; its address is in AZURE_AUTHORITY_HOST.
OPTIONS = {"disable_instance_discovery": True}

CREDENTIALS = {
    "default": lambda: DefaultAzureCredential(**OPTIONS),
    "secret": lambda: ClientSecretCredential(TENANT, CLIENT, os.environ["AZURE_CLIENT_SECRET"], **OPTIONS),
    "certificate": lambda: CertificateCredential(TENANT, CLIENT, os.environ["AZURE_CLIENT_CERTIFICATE_PATH"], **OPTIONS),
    # Tenant, client and token file are in AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE.
    "workload": lambda: WorkloadIdentityCredential(**OPTIONS),
    "managed-identity": lambda: ManagedIdentityCredential(client_id=CLIENT),
    "machine-identity": ManagedIdentityCredential,
}

secrets = SecretClient(os.environ["AZURE_KEYVAULT_URL"], CREDENTIALS[os.environ["SUITE_CREDENTIAL"]]())
print(secrets.get_secret(os.environ["SUITE_SECRET"]).value)
