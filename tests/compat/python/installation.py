"""The server under test, as python.test.ts describes it in the environment, and what the suites need made on it."""

import base64
import json
import os
import uuid

import requests
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient

DOMAIN = os.environ["SUITE_DOMAIN"]
PORT = os.environ["SUITE_PORT"]
IMDS = f"http://127.0.0.1:{os.environ['SUITE_IMDS_PORT']}"
SUBSCRIPTION = os.environ["SUITE_SUBSCRIPTION"]
IDENTITY_HEADER = os.environ["SUITE_IDENTITY_HEADER"]
MACHINE = os.environ["SUITE_MACHINE"]
MACHINE_PRINCIPAL = os.environ["SUITE_MACHINE_PRINCIPAL"]
TENANT = os.environ["AZURE_TENANT_ID"]
CLIENT = os.environ["AZURE_CLIENT_ID"]
SECRET = os.environ["AZURE_CLIENT_SECRET"]

MANAGEMENT = f"https://management.{DOMAIN}:{PORT}"
LOGIN = f"https://login.{DOMAIN}:{PORT}"
GRAPH = f"https://graph.{DOMAIN}:{PORT}"
VAULT_AUDIENCE = f"https://vault.{DOMAIN}:{PORT}"
GROUP = "strongroom"
GROUP_SCOPE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"

# The one thing a private authority needs: the public cloud is not asked whether this authority is known.
AUTHORITY = {"authority": LOGIN, "disable_instance_discovery": True}


def administrator():
    return ClientSecretCredential(TENANT, CLIENT, SECRET, **AUTHORITY)


def vaults_client(credential=None):
    return KeyVaultManagementClient(
        credential or administrator(), SUBSCRIPTION, base_url=MANAGEMENT, credential_scopes=[f"{MANAGEMENT}/.default"]
    )


def roles_client(credential=None):
    return AuthorizationManagementClient(
        credential or administrator(), SUBSCRIPTION, base_url=MANAGEMENT, credential_scopes=[f"{MANAGEMENT}/.default"]
    )


def secrets_client(vault, credential=None, **options):
    """A client as an application makes it: challenge verification stays on."""
    return SecretClient(f"https://{vault}.vault.{DOMAIN}:{PORT}", credential or administrator(), **options)


def vault_scope(vault):
    return f"{GROUP_SCOPE}/providers/Microsoft.KeyVault/vaults/{vault}"


def fresh_name(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def make_vault(prefix, *roles, **properties):
    """Makes a vault, gives the administrator the named roles on it, and returns its name."""
    name = fresh_name(prefix)
    body = {"location": "local", "properties": {"tenantId": TENANT, "sku": {"family": "A", "name": "standard"}, **properties}}
    vaults_client().vaults.begin_create_or_update(GROUP, name, body).result()
    for role in roles:
        grant(role, vault_scope(name), object_id_of(administrator()))
    return name


def grant(role, scope, principal):
    """Assigns a built-in role by its name."""
    roles = roles_client()
    [definition] = roles.role_definitions.list(scope, filter=f"roleName eq '{role}'")
    body = {"properties": {"roleDefinitionId": definition.id, "principalId": principal, "principalType": "ServicePrincipal"}}
    return roles.role_assignments.create(scope, str(uuid.uuid4()), body)


def claims_of(token):
    """The claims of an access token, unverified: the server verifies, the suites only look."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def object_id_of(credential):
    return claims_of(credential.get_token(f"{MANAGEMENT}/.default").token)["oid"]


def call(method, url, scope, body=None):
    """A plain REST call as the administrator, for planes that no installed package covers."""
    token = administrator().get_token(scope).token
    answer = requests.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def graph(method, path, body=None):
    return call(method, f"{GRAPH}/v1.0{path}", f"{GRAPH}/.default", body)


def management(method, path, version, body=None):
    return call(method, f"{MANAGEMENT}{path}?api-version={version}", f"{MANAGEMENT}/.default", body)


def make_managed_identity(name):
    """Makes a user-assigned identity and assigns it to the machine that the endpoint stands for."""
    identity = f"{GROUP_SCOPE}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    made = management("PUT", identity, "2023-01-31", {"location": "local"})["properties"]
    assigned = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {identity: {}}}
    management("PATCH", MACHINE, "2024-07-01", {"identity": assigned})
    return made
