"""azure-identity: every way to sign in that needs no person."""

import base64
import datetime
import os
import tempfile
import unittest
from unittest import mock

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    EnvironmentCredential,
    ManagedIdentityCredential,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

import installation as at

SCOPE = f"{at.VAULT_AUDIENCE}/.default"


def make_certificate():
    """A self-signed certificate: (DER, PEM with the private key)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "suite")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    certificate = (
        builder.not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.DER), private + certificate.public_bytes(
        serialization.Encoding.PEM
    )


class Secrets(unittest.TestCase):
    def test_a_token_says_who_where_and_for_what(self):
        for audience in (at.VAULT_AUDIENCE, at.MANAGEMENT, at.GRAPH, "https://vault.azure.net", "https://management.azure.com"):
            claims = at.claims_of(at.administrator().get_token(f"{audience}/.default").token)
            self.assertEqual(claims["aud"], audience)
            self.assertEqual(claims["tid"], at.TENANT)
            self.assertEqual(claims["appid"], at.CLIENT)
            self.assertEqual(claims["sub"], claims["oid"])
            self.assertGreater(claims["exp"], claims["nbf"])

    def test_a_wrong_secret_is_told(self):
        wrong = ClientSecretCredential(at.TENANT, at.CLIENT, "not-the-secret", **at.AUTHORITY)
        with self.assertRaises(ClientAuthenticationError) as refused:
            wrong.get_token(SCOPE)
        self.assertIn("AADSTS7000215", str(refused.exception))
        self.assertNotIn("not-the-secret", str(refused.exception))

    def test_an_unknown_client_is_told(self):
        unknown = ClientSecretCredential(at.TENANT, "00000000-1111-2222-3333-444444444444", "any", **at.AUTHORITY)
        with self.assertRaises(ClientAuthenticationError) as refused:
            unknown.get_token(SCOPE)
        self.assertIn("AADSTS700016", str(refused.exception))

    def test_an_unknown_tenant_is_refused(self):
        elsewhere = ClientSecretCredential("00000000-1111-2222-3333-444444444444", at.CLIENT, at.SECRET, **at.AUTHORITY)
        with self.assertRaises((ClientAuthenticationError, ValueError)):
            elsewhere.get_token(SCOPE)

    def test_an_audience_of_nobody_is_refused(self):
        with self.assertRaises(ClientAuthenticationError) as refused:
            at.administrator().get_token("https://nobody.example/.default")
        self.assertIn("AADSTS500011", str(refused.exception))


class Certificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        der, cls.pem = make_certificate()
        credentials = [{"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(der).decode()}]
        cls.application = at.graph("POST", "/applications", {"displayName": "suite", "keyCredentials": credentials})
        at.graph("POST", "/servicePrincipals", {"appId": cls.application["appId"], "accountEnabled": True})

    def test_a_registered_certificate_signs_in_with_and_without_its_chain(self):
        for chain in (False, True):
            credential = CertificateCredential(
                at.TENANT,
                self.application["appId"],
                certificate_data=self.pem,
                send_certificate_chain=chain,
                **at.AUTHORITY,
            )
            self.assertEqual(at.claims_of(credential.get_token(SCOPE).token)["appid"], self.application["appId"])

    def test_another_certificate_is_refused(self):
        _, pem = make_certificate()
        credential = CertificateCredential(at.TENANT, self.application["appId"], certificate_data=pem, **at.AUTHORITY)
        with self.assertRaises(ClientAuthenticationError) as refused:
            credential.get_token(SCOPE)
        self.assertIn("AADSTS700027", str(refused.exception))

    def test_the_environment_can_name_a_certificate_file(self):
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(self.pem)
            file.flush()
            names = {"AZURE_CLIENT_ID": self.application["appId"], "AZURE_CLIENT_CERTIFICATE_PATH": file.name}
            with mock.patch.dict(os.environ, names):
                os.environ.pop("AZURE_CLIENT_SECRET")
                credential = EnvironmentCredential(disable_instance_discovery=True)
                self.assertEqual(at.claims_of(credential.get_token(SCOPE).token)["appid"], self.application["appId"])


class Defaults(unittest.TestCase):
    def test_the_default_credential_reads_a_secret_from_the_environment_alone(self):
        vault = at.make_vault("py-default", "Key Vault Secrets Officer")
        credential = DefaultAzureCredential(disable_instance_discovery=True)
        client = at.secrets_client(vault, credential)
        client.set_secret("default", "seen")
        self.assertEqual(client.get_secret("default").value, "seen")


class ManagedIdentities(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.identity = at.make_managed_identity("py-workload")
        cls.vault = at.make_vault("py-managed", "Key Vault Secrets Officer")
        at.secrets_client(cls.vault).set_secret("shared", "for workloads")
        at.grant("Key Vault Secrets User", at.vault_scope(cls.vault), cls.identity["principalId"])

    def read(self, environment, **options):
        with mock.patch.dict(os.environ, environment):
            credential = ManagedIdentityCredential(**options)
            self.assertEqual(at.claims_of(credential.get_token(SCOPE).token)["oid"], self.identity["principalId"])
            client = at.secrets_client(self.vault, credential)
            self.assertEqual(client.get_secret("shared").value, "for workloads")
            with self.assertRaises(HttpResponseError) as refused:
                client.set_secret("shared", "changed")
            self.assertEqual(refused.exception.status_code, 403)

    def test_the_virtual_machine_endpoint_serves_an_identity_by_client_object_and_resource_id(self):
        host = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": at.IMDS}
        resource = f"{at.GROUP_SCOPE}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/py-workload"
        self.read(host, client_id=self.identity["clientId"])
        self.read(host, identity_config={"object_id": self.identity["principalId"]})
        self.read(host, identity_config={"resource_id": resource})

    def test_the_app_service_endpoint_serves_an_identity(self):
        host = {"IDENTITY_ENDPOINT": f"{at.IMDS}/msi/token", "IDENTITY_HEADER": at.IDENTITY_HEADER}
        resource = f"{at.GROUP_SCOPE}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/py-workload"
        self.read(host, client_id=self.identity["clientId"])
        self.read(host, identity_config={"resource_id": resource})

    def test_the_default_credential_falls_through_to_the_managed_identity(self):
        names = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": at.IMDS, "AZURE_CLIENT_ID": self.identity["clientId"]}
        with mock.patch.dict(os.environ, names):
            os.environ.pop("AZURE_CLIENT_SECRET")
            credential = DefaultAzureCredential(disable_instance_discovery=True)
            self.assertEqual(at.secrets_client(self.vault, credential).get_secret("shared").value, "for workloads")

    def test_the_machine_itself_is_an_identity_that_needs_no_name(self):
        with mock.patch.dict(os.environ, {"AZURE_POD_IDENTITY_AUTHORITY_HOST": at.IMDS}):
            token = ManagedIdentityCredential().get_token(SCOPE).token
        self.assertEqual(at.claims_of(token)["oid"], at.MACHINE_PRINCIPAL)

    def test_an_identity_that_is_not_assigned_here_is_refused_like_one_that_does_not_exist(self):
        path = f"{at.GROUP_SCOPE}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/py-elsewhere"
        elsewhere = at.management("PUT", path, "2023-01-31", {"location": "local"})["properties"]
        told = set()
        with mock.patch.dict(os.environ, {"AZURE_POD_IDENTITY_AUTHORITY_HOST": at.IMDS}):
            for client in (elsewhere["clientId"], "00000000-1111-2222-3333-444444444444"):
                with self.assertRaises((ClientAuthenticationError, HttpResponseError)) as refused:
                    ManagedIdentityCredential(client_id=client).get_token(SCOPE)
                told.add(str(refused.exception))
        self.assertEqual(len(told), 1, told)

    def test_the_app_service_endpoint_wants_its_secret(self):
        host = {"IDENTITY_ENDPOINT": f"{at.IMDS}/msi/token", "IDENTITY_HEADER": "guessed"}
        with mock.patch.dict(os.environ, host):
            with self.assertRaises((ClientAuthenticationError, HttpResponseError)):
                ManagedIdentityCredential().get_token(SCOPE)

    def test_an_identity_that_does_not_exist_is_refused(self):
        with mock.patch.dict(os.environ, {"AZURE_POD_IDENTITY_AUTHORITY_HOST": at.IMDS}):
            credential = ManagedIdentityCredential(client_id="00000000-1111-2222-3333-444444444444")
            with self.assertRaises((ClientAuthenticationError, HttpResponseError)):
                credential.get_token(SCOPE)


if __name__ == "__main__":
    unittest.main()
