"""azure-mgmt-keyvault: a vault from its making to its purge."""

import datetime
import unittest

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.keyvault import KeyVaultManagementClient

import installation as at

SKU = {"family": "A", "name": "standard"}


class Vaults(unittest.TestCase):
    def setUp(self):
        self.vaults = at.vaults_client().vaults

    def test_a_vault_lives_dies_comes_back_and_is_purged(self):
        name = at.fresh_name("py-life")
        self.assertTrue(self.vaults.check_name_availability({"name": name, "type": "Microsoft.KeyVault/vaults"}).name_available)
        body = {
            "location": "local",
            "tags": {"team": "blue"},
            "properties": {"tenantId": at.TENANT, "sku": SKU, "softDeleteRetentionInDays": 7},
        }
        made = self.vaults.begin_create_or_update(at.GROUP, name, body).result()
        self.assertEqual(made.id, at.vault_scope(name))
        self.assertEqual(made.properties.vault_uri, f"https://{name}.vault.{at.DOMAIN}:{at.PORT}/")
        self.assertTrue(made.properties.enable_soft_delete)
        self.assertTrue(made.properties.enable_rbac_authorization)
        self.assertEqual(made.properties.soft_delete_retention_in_days, 7)
        self.assertEqual(made.properties.provisioning_state, "Succeeded")

        taken = self.vaults.check_name_availability({"name": name, "type": "Microsoft.KeyVault/vaults"})
        self.assertFalse(taken.name_available)
        self.assertEqual(taken.reason, "AlreadyExists")

        changed = self.vaults.update(at.GROUP, name, {"tags": {"team": "red"}, "properties": {"enabledForDeployment": True}})
        self.assertEqual(changed.tags, {"team": "red"})
        self.assertTrue(changed.properties.enabled_for_deployment)
        self.assertEqual(changed.properties.soft_delete_retention_in_days, 7)
        self.assertEqual(self.vaults.get(at.GROUP, name).tags, {"team": "red"})

        self.assertIn(name, [vault.name for vault in self.vaults.list()])
        self.assertIn(name, [vault.name for vault in self.vaults.list_by_resource_group(at.GROUP)])
        self.assertIn(name, [vault.name for vault in self.vaults.list_by_subscription()])

        self.vaults.delete(at.GROUP, name)
        with self.assertRaises(ResourceNotFoundError):
            self.vaults.get(at.GROUP, name)
        self.assertIn(name, [vault.name for vault in self.vaults.list_deleted()])
        deleted = self.vaults.get_deleted(name, "local").properties
        self.assertEqual(deleted.vault_id, at.vault_scope(name))
        self.assertEqual(deleted.scheduled_purge_date - deleted.deletion_date, datetime.timedelta(days=7))
        with self.assertRaises(ResourceExistsError) as conflict:
            self.vaults.begin_create_or_update(at.GROUP, name, body)
        self.assertEqual(conflict.exception.error.code, "ConflictError")

        recovery = {"location": "local", "properties": {"tenantId": at.TENANT, "sku": SKU, "createMode": "recover"}}
        recovered = self.vaults.begin_create_or_update(at.GROUP, name, recovery).result()
        self.assertEqual(recovered.properties.soft_delete_retention_in_days, 7)

        self.vaults.delete(at.GROUP, name)
        self.vaults.begin_purge_deleted(name, "local").result()
        self.assertNotIn(name, [vault.name for vault in self.vaults.list_deleted()])
        with self.assertRaises(ResourceNotFoundError):
            self.vaults.get_deleted(name, "local")

    def test_purge_protection_holds_against_the_administrator(self):
        name = at.make_vault("py-protected", enablePurgeProtection=True)
        with self.assertRaises(HttpResponseError):
            self.vaults.update(at.GROUP, name, {"properties": {"enablePurgeProtection": False}})
        self.vaults.delete(at.GROUP, name)
        with self.assertRaises(HttpResponseError):
            self.vaults.begin_purge_deleted(name, "local").result()
        self.assertIn(name, [vault.name for vault in self.vaults.list_deleted()])

    def test_access_policies_are_added_replaced_and_removed(self):
        name = at.make_vault("py-policies", enableRbacAuthorization=False, accessPolicies=[])
        caller = at.object_id_of(at.administrator())

        def policies(kind, *permissions):
            entry = {"tenantId": at.TENANT, "objectId": caller, "permissions": {"secrets": list(permissions)}}
            answer = self.vaults.update_access_policy(at.GROUP, name, kind, {"properties": {"accessPolicies": [entry]}})
            return answer.properties.access_policies

        self.assertEqual(policies("add", "get", "set")[0].permissions.secrets, ["get", "set"])
        client = at.secrets_client(name)
        client.set_secret("kept", "by policy")
        policies("replace", "get")
        self.assertEqual(client.get_secret("kept").value, "by policy")
        with self.assertRaises(HttpResponseError) as refused:
            client.set_secret("kept", "again")
        self.assertEqual(refused.exception.status_code, 403)
        policies("remove", "get")
        with self.assertRaises(HttpResponseError):
            client.get_secret("kept")

    def test_a_group_that_does_not_exist_is_told(self):
        with self.assertRaises(ResourceNotFoundError) as refused:
            self.vaults.begin_create_or_update("nowhere", "py-orphan", {"location": "local", "properties": {"tenantId": at.TENANT, "sku": SKU}})
        self.assertEqual(refused.exception.error.code, "ResourceGroupNotFound")

    def test_a_token_for_the_public_management_plane_is_accepted(self):
        client = KeyVaultManagementClient(at.administrator(), at.SUBSCRIPTION, base_url=at.MANAGEMENT)
        self.assertGreaterEqual(len(list(client.vaults.list_by_subscription())), 1)


if __name__ == "__main__":
    unittest.main()
