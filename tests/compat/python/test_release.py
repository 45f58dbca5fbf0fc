"""azure-keyvault-keys: keys that leave, opened with what `cryptography` has. SUITE_POLICY, SUITE_ATTESTATION and SUITE_ENVIRONMENT_KEY
are the policy, a token that meets it, and the environment's own key."""

import base64
import json
import os
import unittest

from azure.core.exceptions import HttpResponseError
from azure.keyvault.keys import JsonWebKey, KeyClient, KeyReleasePolicy
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding

import installation as at

HASHES = {
    "CKM_RSA_AES_KEY_WRAP": hashes.SHA1,
    "RSA_AES_KEY_WRAP_256": hashes.SHA256,
    "RSA_AES_KEY_WRAP_384": hashes.SHA384,
}
ENVIRONMENT = serialization.load_pem_private_key(os.environ["SUITE_ENVIRONMENT_KEY"].encode(), None)
TOKEN = os.environ["SUITE_ATTESTATION"]
POLICY = KeyReleasePolicy(os.environ["SUITE_POLICY"].encode())


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def opened(value):
    """The key in a release."""
    wrapped = json.loads(decoded(json.loads(decoded(value.split(".")[1]))["response"]["key"]["key"]["key_hsm"]))
    ciphertext = decoded(wrapped["ciphertext"])
    digest = HASHES[wrapped["header"]["enc"]]()
    size = ENVIRONMENT.key_size // 8
    aes_key = ENVIRONMENT.decrypt(ciphertext[:size], padding.OAEP(padding.MGF1(digest), digest, None))
    return aes_key_unwrap_with_padding(aes_key, ciphertext[size:])


class Release(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = KeyClient(f"https://premium-vault.vault.{at.DOMAIN}:{at.PORT}", at.administrator())

    def test_every_type_opens_for_the_environment(self):
        made = self.client.create_rsa_key("py-rsa", exportable=True, release_policy=POLICY)
        self.assertTrue(made.properties.exportable)
        self.assertEqual(
            json.loads(made.properties.release_policy.encoded_policy), json.loads(os.environ["SUITE_POLICY"])
        )
        for algorithm in HASHES:
            released = self.client.release_key("py-rsa", TOKEN, algorithm=algorithm, version=made.properties.version)
            key = serialization.load_der_private_key(opened(released.value), None)
            self.assertEqual(key.public_key().public_numbers().n, int.from_bytes(made.key.n, "big"))
        curve = self.client.create_ec_key("py-curve", curve="P-256K", exportable=True, release_policy=POLICY)
        key = serialization.load_der_private_key(opened(self.client.release_key("py-curve", TOKEN).value), None)
        self.assertEqual(key.public_key().public_numbers().x, int.from_bytes(curve.key.x, "big"))
        secret = os.urandom(32)
        jwk = JsonWebKey(kty="oct", k=secret, key_ops=["encrypt", "decrypt"])
        self.client.import_key("py-oct", jwk, exportable=True, release_policy=POLICY)
        self.assertEqual(opened(self.client.release_key("py-oct", TOKEN).value), secret)

    def test_the_policy_decides_and_may_be_immutable(self):
        other = KeyReleasePolicy(os.environ["SUITE_POLICY"].replace("sevsnpvm", "sgx").encode(), immutable=True)
        self.client.create_ec_key("py-policy", exportable=True, release_policy=POLICY)
        self.client.update_key_properties("py-policy", release_policy=other)
        with self.assertRaises(HttpResponseError) as refused:
            self.client.release_key("py-policy", TOKEN)
        self.assertEqual(refused.exception.status_code, 403)
        with self.assertRaises(HttpResponseError) as immutable:
            self.client.update_key_properties("py-policy", release_policy=POLICY)
        self.assertIn("AKV.SKR.1020", str(immutable.exception))
