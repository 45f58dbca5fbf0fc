"""azure-keyvault-keys: every operation of KeyClient and CryptographyClient, against what `cryptography` makes of it on this side."""

import datetime
import hashlib
import os
import unittest

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.keyvault.keys import ApiVersion, JsonWebKey, KeyClient, KeyRotationLifetimeAction, KeyRotationPolicy
from azure.keyvault.keys.crypto import CryptographyClient, SignatureAlgorithm
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

import installation as at

UTC = datetime.timezone.utc
MESSAGE = b"a message"
CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1, "P-256K": ec.SECP256K1}
HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
RSA_PADDINGS = {
    "RSA1_5": padding.PKCS1v15(),
    "RSA-OAEP": padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None),
    "RSA-OAEP-256": padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None),
}


def keys_client(vault, **options):
    return KeyClient(f"https://{vault}.vault.{at.DOMAIN}:{at.PORT}", at.administrator(), **options)


def number(data):
    return int.from_bytes(data, "big")


def public_key_of(key):
    """The public half of a key, as `cryptography` has it: it refuses a point that is not on the curve."""
    jwk = key.key
    if jwk.kty == "RSA":
        return rsa.RSAPublicNumbers(number(jwk.e), number(jwk.n)).public_key()
    return ec.EllipticCurvePublicNumbers(number(jwk.x), number(jwk.y), CURVES[jwk.crv]()).public_key()


def is_right(key, algorithm, signature):
    """Whether `cryptography` takes a signature of MESSAGE."""
    digest = HASHES[algorithm[2:5]]()
    try:
        if algorithm.startswith("ES"):
            half = len(signature) // 2
            der = encode_dss_signature(number(signature[:half]), number(signature[half:]))
            public_key_of(key).verify(der, MESSAGE, ec.ECDSA(digest))
        elif algorithm.startswith("PS"):
            pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
            public_key_of(key).verify(signature, MESSAGE, pss, digest)
        else:
            public_key_of(key).verify(signature, MESSAGE, padding.PKCS1v15(), digest)
        return True
    except InvalidSignature:
        return False


def ec_jwk(crv, pair):
    """A pair of a curve as the package imports it, coordinates at full length."""
    size = (pair.key_size + 7) // 8
    numbers = pair.private_numbers()
    parts = {"x": numbers.public_numbers.x, "y": numbers.public_numbers.y, "d": numbers.private_value}
    return JsonWebKey(kty="EC", crv=crv, **{name: value.to_bytes(size, "big") for name, value in parts.items()})


def digest_of(algorithm):
    return hashlib.new(f"sha{algorithm[2:5]}", MESSAGE).digest()


class Keys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vault = at.make_vault("py-keys", "Key Vault Administrator")
        cls.url = f"https://{cls.vault}.vault.{at.DOMAIN}:{at.PORT}"
        cls.client = keys_client(cls.vault)

    def refused(self, status, code, call, *arguments, **options):
        with self.assertRaises(HttpResponseError) as refused:
            call(*arguments, **options)
        self.assertEqual((refused.exception.status_code, refused.exception.error.code), (status, code))

    def test_every_type_is_made_read_changed_and_listed(self):
        expires_on = datetime.datetime(2037, 1, 1, tzinfo=UTC)
        for size in (2048, 3072, 4096):
            made = self.client.create_rsa_key("whole", size=size, tags={"team": "blue"}, expires_on=expires_on)
            self.assertRegex(made.id, rf"^{self.url}/keys/whole/[0-9a-f]{{32}}$")
            self.assertEqual((made.key_type, public_key_of(made).key_size), ("RSA", size))
            self.assertIsNone(made.key.d)
            self.assertEqual((made.properties.tags, made.properties.expires_on), ({"team": "blue"}, expires_on))
        got = self.client.get_key("whole")
        self.assertEqual((got.id, got.key.n, got.key_operations), (made.id, made.key.n, made.key_operations))
        for curve in CURVES:
            made = self.client.create_ec_key("whole", curve=curve)
            self.assertEqual((made.key_type, made.key.crv, made.key_operations), ("EC", curve, ["sign", "verify"]))
            self.assertEqual(public_key_of(made).curve.name, CURVES[curve].name)
        for size in (128, 192, 256):
            made = self.client.create_oct_key("whole", size=size)
            self.assertEqual((made.key_type, made.key.k), ("oct", None))
        versions = list(self.client.list_properties_of_key_versions("whole"))
        self.assertEqual(len(versions), 10)
        first = got.properties.version
        changed = self.client.update_key_properties("whole", first, key_operations=["sign"], enabled=False, tags={})
        self.assertEqual((changed.key_operations, changed.properties.enabled), (["sign"], False))
        self.assertFalse(self.client.get_key("whole", first).properties.enabled)
        self.assertIn("whole", [each.name for each in self.client.list_properties_of_keys()])
        self.refused(400, "BadParameter", self.client.create_rsa_key, "hardware", hardware_protected=True)
        self.refused(400, "BadParameter", self.client.create_rsa_key, "odd", size=1000)
        with self.assertRaises(ResourceNotFoundError):
            self.client.get_key("nobody")

    def test_delete_recover_purge_backup_restore(self):
        made = self.client.create_ec_key("life", curve="P-256")
        backup = self.client.backup_key("life")
        with self.assertRaises(ResourceExistsError):
            self.client.restore_key_backup(backup)
        deleted = self.client.begin_delete_key("life").result()
        self.assertEqual(deleted.recovery_id, f"{self.url}/deletedkeys/life")
        self.assertEqual(deleted.scheduled_purge_date - deleted.deleted_date, datetime.timedelta(days=90))
        with self.assertRaises(ResourceExistsError):
            self.client.create_ec_key("life")
        self.assertIn("life", [each.name for each in self.client.list_deleted_keys()])
        self.assertEqual(self.client.get_deleted_key("life").id, made.id)
        self.assertEqual(self.client.begin_recover_deleted_key("life").result().key.x, made.key.x)
        self.client.begin_delete_key("life").wait()
        self.client.purge_deleted_key("life")
        with self.assertRaises(ResourceNotFoundError):
            self.client.get_deleted_key("life")
        restored = self.client.restore_key_backup(backup)
        self.assertEqual((restored.id, restored.key.x), (made.id, made.key.x))
        signature = self.client.get_cryptography_client("life").sign("ES256", digest_of("ES256")).signature
        self.assertTrue(is_right(made, "ES256", signature))

    def test_rotation_and_its_policy(self):
        first = self.client.create_ec_key("rotates")
        second = self.client.rotate_key("rotates")
        self.assertNotEqual((first.id, first.key.x), (second.id, second.key.x))
        actions = [KeyRotationLifetimeAction("Rotate", time_after_create="P30D")]
        policy = KeyRotationPolicy(expires_in="P90D", lifetime_actions=actions)
        for one in (
            self.client.update_key_rotation_policy("rotates", policy),
            self.client.get_key_rotation_policy("rotates"),
        ):
            self.assertEqual((one.id, one.expires_in), (f"{self.url}/keys/rotates/rotationpolicy", "P90D"))
            self.assertEqual(
                sorted((each.action, each.time_after_create) for each in one.lifetime_actions),
                [("Notify", None), ("Rotate", "P30D")],
            )
            self.assertIsNotNone(one.created_on)
        lives = self.client.rotate_key("rotates").properties
        self.assertEqual(lives.expires_on - lives.created_on, datetime.timedelta(days=90))

    def test_every_type_comes_from_outside(self):
        pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = pair.private_numbers()
        parts = {"n": numbers.public_numbers.n, "e": numbers.public_numbers.e, "d": numbers.d, "p": numbers.p}
        parts |= {"q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
        members = {name: value.to_bytes((value.bit_length() + 7) // 8, "big") for name, value in parts.items()}
        taken = self.client.import_key("rsa-outside", JsonWebKey(kty="RSA", **members))
        self.assertEqual(public_key_of(taken).public_numbers(), pair.public_key().public_numbers())
        sealed = pair.public_key().encrypt(MESSAGE, RSA_PADDINGS["RSA-OAEP"])
        there = self.client.get_cryptography_client("rsa-outside")
        self.assertEqual(there.decrypt("RSA-OAEP", sealed).plaintext, MESSAGE)
        for crv, curve in CURVES.items():
            pair = ec.generate_private_key(curve())
            taken = self.client.import_key(f"outside-{crv}", ec_jwk(crv, pair))
            self.assertEqual(public_key_of(taken).public_numbers(), pair.public_key().public_numbers())
        self.assertIsNone(self.client.import_key("oct-outside", JsonWebKey(kty="oct", k=os.urandom(32))).key.k)

    def test_random_bytes(self):
        self.assertEqual(len(self.client.get_random_bytes(32)), 32)

    def test_a_disabled_key_or_one_without_the_operation_refuses(self):
        made = self.client.create_rsa_key("refuses", key_operations=["verify"])
        there = self.client.get_cryptography_client("refuses")
        self.refused(403, "Forbidden", there.sign, "RS256", digest_of("RS256"))
        self.client.update_key_properties("refuses", made.properties.version, key_operations=["sign"], enabled=False)
        self.refused(403, "Forbidden", there.sign, "RS256", digest_of("RS256"))

    def test_every_version_of_the_protocol(self):
        for version in ApiVersion:
            with self.subTest(version=version.value):
                client = keys_client(self.vault, api_version=version)
                name = f"v-{version.value.replace('.', '-')}"
                made = client.create_rsa_key(name, tags={"a": "b"})
                self.assertEqual(client.get_key(name).id, made.id)
                there = CryptographyClient(made, at.administrator(), api_version=version)
                self.assertTrue(is_right(made, "PS256", there.sign("PS256", digest_of("PS256")).signature))
                client.update_key_properties(name, enabled=True)
                self.assertIn(name, [each.name for each in client.list_properties_of_keys()])
                backup = client.backup_key(name)
                client.begin_delete_key(name).wait()
                client.purge_deleted_key(name)
                self.assertEqual(client.restore_key_backup(backup).key.n, made.key.n)


class Cryptography(unittest.TestCase):
    """In a vault whose keys the caller may use but not read: the package then leaves everything to the vault. With a symmetric key
    that it may read it would wrap (A256KW) and encrypt (A256CBCPAD) by a random key of its own."""

    @classmethod
    def setUpClass(cls):
        allowed = ["create", "import", "sign", "verify", "encrypt", "decrypt", "wrapKey", "unwrapKey"]
        policy = {"tenantId": at.TENANT, "objectId": at.object_id_of(at.administrator()), "permissions": {"keys": allowed}}
        cls.vault = at.make_vault("py-blind", enableRbacAuthorization=False, accessPolicies=[policy])
        cls.client = keys_client(cls.vault)

    def there(self, key):
        """The client asks for the key with the first use, is refused, and goes on without it."""
        return CryptographyClient(key.id, at.administrator())

    def test_the_key_is_not_read(self):
        self.client.create_rsa_key("unread")
        with self.assertRaises(HttpResponseError) as refused:
            self.client.get_key("unread")
        self.assertEqual(refused.exception.status_code, 403)

    def test_every_signature_is_found_right_on_both_sides(self):
        key = self.client.create_rsa_key("signs", size=2048)
        for algorithm in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"):
            self.check_signature(key, algorithm)
        for algorithm, curve in (("ES256", "P-256"), ("ES256K", "P-256K"), ("ES384", "P-384"), ("ES512", "P-521")):
            self.check_signature(self.client.create_ec_key("signs", curve=curve), algorithm)

    def check_signature(self, key, algorithm):
        with self.subTest(algorithm=algorithm):
            there, digest = self.there(key), digest_of(algorithm)
            signature = there.sign(algorithm, digest).signature
            self.assertTrue(is_right(key, algorithm, signature))
            self.assertTrue(there.verify(algorithm, digest, signature).is_valid)
            self.assertFalse(there.verify(algorithm, digest, signature[::-1]).is_valid)
            here = CryptographyClient.from_jwk(key.key)
            self.assertTrue(here.verify(SignatureAlgorithm(algorithm), digest, signature).is_valid)

    def test_a_signature_of_this_side_is_found_right_there(self):
        for algorithm, crv in (("ES256", "P-256"), ("ES256K", "P-256K"), ("ES384", "P-384"), ("ES512", "P-521")):
            with self.subTest(algorithm=algorithm):
                pair = ec.generate_private_key(CURVES[crv]())
                jwk = ec_jwk(crv, pair)
                key = self.client.import_key(f"signed-here-{crv}", jwk)
                der = pair.sign(MESSAGE, ec.ECDSA(HASHES[algorithm[2:5]]()))
                size = len(jwk.d)
                signature = b"".join(part.to_bytes(size, "big") for part in decode_dss_signature(der))
                self.assertTrue(self.there(key).verify(algorithm, digest_of(algorithm), signature).is_valid)

    def test_rsa_seals_on_either_side_what_the_vault_opens(self):
        key = self.client.create_rsa_key("seals", size=2048)
        there = self.there(key)
        for algorithm, scheme in RSA_PADDINGS.items():
            with self.subTest(algorithm=algorithm):
                here = public_key_of(key).encrypt(MESSAGE, scheme)
                self.assertEqual(there.decrypt(algorithm, here).plaintext, MESSAGE)
                self.assertEqual(there.unwrap_key(algorithm, here).key, MESSAGE)
                self.assertEqual(there.decrypt(algorithm, there.encrypt(algorithm, MESSAGE).ciphertext).plaintext, MESSAGE)
                wrapped = there.wrap_key(algorithm, b"k" * 32).encrypted_key
                self.assertEqual(there.unwrap_key(algorithm, wrapped).key, b"k" * 32)
        with self.assertRaises(HttpResponseError) as refused:
            there.decrypt("RSA-OAEP", os.urandom(256))
        self.assertEqual((refused.exception.status_code, refused.exception.error.code), (400, "BadParameter"))

    def test_aes_of_every_size(self):
        for size in (128, 192, 256):
            with self.subTest(size=size):
                there = self.there(self.client.create_oct_key("aes", size=size))
                sealed = there.encrypt(f"A{size}GCM", MESSAGE, additional_authenticated_data=b"bound")
                opened = there.decrypt(
                    f"A{size}GCM",
                    sealed.ciphertext,
                    iv=sealed.iv,
                    authentication_tag=sealed.tag,
                    additional_authenticated_data=b"bound",
                )
                self.assertEqual(opened.plaintext, MESSAGE)
                for algorithm, plaintext in ((f"A{size}CBC", b"1" * 32), (f"A{size}CBCPAD", MESSAGE)):
                    iv = os.urandom(16)
                    ciphertext = there.encrypt(algorithm, plaintext, iv=iv).ciphertext
                    self.assertEqual(there.decrypt(algorithm, ciphertext, iv=iv).plaintext, plaintext)
                for algorithm in (f"A{size}KW", "CKM_AES_KEY_WRAP", "CKM_AES_KEY_WRAP_PAD"):
                    wrapped = there.wrap_key(algorithm, b"9" * 32).encrypted_key
                    self.assertEqual(there.unwrap_key(algorithm, wrapped).key, b"9" * 32)

    def test_aes_of_either_side_opens_what_the_other_sealed(self):
        secret, iv = os.urandom(32), os.urandom(16)
        there = self.there(self.client.import_key("aes-outside", JsonWebKey(kty="oct", k=secret)))
        self.assertEqual(there.wrap_key("A256KW", b"7" * 16).encrypted_key, aes_key_wrap(secret, b"7" * 16))
        cipher = Cipher(algorithms.AES(secret), modes.CBC(iv)).encryptor()
        padded = MESSAGE + bytes([16 - len(MESSAGE)]) * (16 - len(MESSAGE))
        ciphertext = cipher.update(padded) + cipher.finalize()
        self.assertEqual(there.encrypt("A256CBCPAD", MESSAGE, iv=iv).ciphertext, ciphertext)
        sealed = there.encrypt("A256GCM", MESSAGE, additional_authenticated_data=b"bound")
        opened = AESGCM(secret).decrypt(sealed.iv, sealed.ciphertext + sealed.tag, b"bound")
        self.assertEqual(opened, MESSAGE)

    def test_hmac(self):
        there = self.there(self.client.create_oct_key("mac", size=256, key_operations=["sign", "verify"]))
        for algorithm in ("HS256", "HS384", "HS512"):
            with self.subTest(algorithm=algorithm):
                signature = there.sign(algorithm, digest_of(algorithm)).signature
                self.assertTrue(there.verify(algorithm, digest_of(algorithm), signature).is_valid)
                self.assertFalse(there.verify(algorithm, digest_of(algorithm), signature[::-1]).is_valid)

    def test_the_interfaces_of_cryptography_itself(self):
        key = self.client.create_rsa_key("interfaces", size=2048)
        there = self.there(key)
        private, public = there.create_rsa_private_key(), there.create_rsa_public_key()
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        signature = private.sign(MESSAGE, pss, hashes.SHA256())
        public.verify(signature, MESSAGE, pss, hashes.SHA256())
        public_key_of(key).verify(signature, hashlib.sha256(MESSAGE).digest(), pss, Prehashed(hashes.SHA256()))
        scheme = RSA_PADDINGS["RSA-OAEP-256"]
        self.assertEqual(private.decrypt(public.encrypt(MESSAGE, scheme), scheme), MESSAGE)


if __name__ == "__main__":
    unittest.main()
