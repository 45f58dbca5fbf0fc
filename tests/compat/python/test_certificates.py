"""azure-keyvault-certificates: every operation of CertificateClient, against what `cryptography` makes of it on this side."""

import base64
import datetime
import unittest

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.keyvault.certificates import (
    AdministratorContact,
    CertificateClient,
    CertificateContact,
    CertificateContentType,
    CertificatePolicy,
    WellKnownIssuerNames,
)
from azure.keyvault.secrets import SecretClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

import installation as at

UTC = datetime.timezone.utc
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority")])


def certificates_client(vault):
    return CertificateClient(f"https://{vault}.vault.{at.DOMAIN}:{at.PORT}", at.administrator())


def secrets_client(vault):
    return SecretClient(f"https://{vault}.vault.{at.DOMAIN}:{at.PORT}", at.administrator())


def curve_policy(issuer=WellKnownIssuerNames.self, **options):
    return CertificatePolicy(
        issuer, subject="CN=www.example.com", san_dns_names=["www.example.com"], key_type="EC", key_curve_name="P-256", **options
    )


def sign(request_or_key, subject, key):
    """A certificate by an authority outside."""
    now = datetime.datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(NAME)
        .public_key(request_or_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )


class Certificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vault = at.make_vault("py-certs", "Key Vault Administrator", "Key Vault Purge Operator")
        cls.client = certificates_client(cls.vault)
        cls.secrets = secrets_client(cls.vault)

    def test_one_that_signs_itself_is_whole(self):
        made = self.client.begin_create_certificate("whole", curve_policy(), tags={"team": "blue"}).result()
        parsed = x509.load_der_x509_certificate(bytes(made.cer))
        self.assertEqual(parsed.subject.rfc4514_string(), "CN=www.example.com")
        parsed.verify_directly_issued_by(parsed)
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["www.example.com"])
        self.assertEqual(made.properties.expires_on, parsed.not_valid_after_utc)
        secret = self.secrets.get_secret("whole")
        self.assertEqual(secret.properties.key_id, made.key_id)
        key, leaf, more = pkcs12.load_key_and_certificates(base64.b64decode(secret.value), None)
        self.assertEqual((key.public_key(), leaf, more), (parsed.public_key(), parsed, []))
        self.client.update_certificate_properties("whole", enabled=False)
        with self.assertRaises(HttpResponseError) as refused:
            self.secrets.get_secret("whole")
        self.assertEqual(refused.exception.status_code, 403)
        policy = self.client.get_certificate_policy("whole")
        policy._validity_in_months = 6
        self.assertEqual(self.client.update_certificate_policy("whole", policy).validity_in_months, 6)
        self.assertEqual(len(list(self.client.list_properties_of_certificate_versions("whole"))), 1)
        self.assertIn("whole", [one.name for one in self.client.list_properties_of_certificates()])

    def test_the_answer_of_an_authority_is_merged(self):
        self.client.begin_create_certificate("merged", curve_policy(WellKnownIssuerNames.unknown))
        operation = self.client.get_certificate_operation("merged")
        request = x509.load_der_x509_csr(bytes(operation.csr))
        self.assertTrue(request.is_signature_valid)
        leaf = sign(request.public_key(), request.subject, ec.generate_private_key(ec.SECP256R1()))
        merged = self.client.merge_certificate("merged", [leaf.public_bytes(serialization.Encoding.DER)])
        self.assertEqual(bytes(merged.cer), leaf.public_bytes(serialization.Encoding.DER))
        self.client.begin_create_certificate("merged", curve_policy(WellKnownIssuerNames.unknown))
        with self.assertRaises(ResourceExistsError):
            self.client.begin_create_certificate("merged", curve_policy(WellKnownIssuerNames.unknown))
        self.assertTrue(self.client.cancel_certificate_operation("merged").cancellation_requested)
        self.client.delete_certificate_operation("merged")
        with self.assertRaises(ResourceNotFoundError):
            self.client.get_certificate_operation("merged")

    def test_they_come_from_outside(self):
        key = rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "outside.example.com")])
        leaf = sign(key.public_key(), subject, key)
        sealed = serialization.BestAvailableEncryption(b"pw")
        pfx = pkcs12.serialize_key_and_certificates(b"name", key, leaf, None, sealed)
        taken = self.client.import_certificate("pfx", pfx, password="pw")
        self.assertEqual(taken.policy.issuer_name, "Unknown")
        plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        pem = key.private_bytes(*plain) + leaf.public_bytes(serialization.Encoding.PEM)
        policy = CertificatePolicy(WellKnownIssuerNames.unknown, content_type=CertificateContentType.pem)
        self.assertEqual(self.client.import_certificate("pem", pem, policy=policy).cer, taken.cer)
        text = self.secrets.get_secret("pem").value.encode()
        self.assertEqual(serialization.load_pem_private_key(text, None).private_numbers(), key.private_numbers())
        with self.assertRaises(HttpResponseError) as refused:
            self.client.import_certificate("no", pfx, password="wrong")
        self.assertEqual(refused.exception.error.code, "BadParameter")

    def test_they_are_deleted_recovered_purged_backed_up_and_restored(self):
        made = self.client.begin_create_certificate("life", curve_policy()).result()
        backup = self.client.backup_certificate("life")
        deleted = self.client.begin_delete_certificate("life").result()
        self.assertGreater(deleted.scheduled_purge_date, deleted.deleted_on)
        self.assertIn("life", [one.name for one in self.client.list_deleted_certificates()])
        self.client.begin_recover_deleted_certificate("life").wait()
        self.client.begin_delete_certificate("life").wait()
        self.client.purge_deleted_certificate("life")
        restored = self.client.restore_certificate_backup(backup)
        self.assertEqual((restored.id, restored.cer), (made.id, made.cer))

    def test_contacts_and_issuers(self):
        self.client.set_contacts([CertificateContact(email="a@example.com", name="Ann", phone="1")])
        self.assertEqual([one.email for one in self.client.get_contacts()], ["a@example.com"])
        self.client.delete_contacts()
        admins = [AdministratorContact(first_name="f", last_name="l", email="a@example.com", phone="1")]
        issuer = self.client.create_issuer("one", "Test", account_id="a", password="hidden", organization_id="o", admin_contacts=admins)
        self.assertEqual((issuer.provider, issuer.account_id, issuer.password), ("Test", "a", None))
        self.client.update_issuer("one", provider="Test2")
        got = self.client.get_issuer("one")
        self.assertEqual((got.provider, got.organization_id, got.admin_contacts[0].email), ("Test2", "o", "a@example.com"))
        self.assertEqual([one.name for one in self.client.list_properties_of_issuers()], ["one"])
        self.client.delete_issuer("one")


if __name__ == "__main__":
    unittest.main()
