import com.azure.core.exception.HttpResponseException;
import com.azure.core.util.BinaryData;
import com.azure.core.util.Context;
import com.azure.identity.ClientSecretCredentialBuilder;
import com.azure.security.keyvault.keys.KeyClient;
import com.azure.security.keyvault.keys.KeyClientBuilder;
import com.azure.security.keyvault.keys.models.CreateRsaKeyOptions;
import com.azure.security.keyvault.keys.models.KeyExportEncryptionAlgorithm;
import com.azure.security.keyvault.keys.models.KeyReleasePolicy;
import com.azure.security.keyvault.keys.models.KeyVaultKey;
import com.azure.security.keyvault.keys.models.ReleaseKeyOptions;
import java.util.List;

/**
 * Makes an exportable key and releases it to the environment whose attestation is SUITE_ATTESTATION; prints each release on a line of its
 * own, after its algorithm. tests/compat/java/release.test.ts runs it, and opens them.
 */
public final class ReleaseKeys {
    private ReleaseKeys() {
    }

    public static void main(String[] args) {
        KeyClient keys = new KeyClientBuilder()
            .vaultUrl(System.getenv("SUITE_VAULT_URL"))
            .credential(new ClientSecretCredentialBuilder()
                .tenantId(System.getenv("AZURE_TENANT_ID"))
                .clientId(System.getenv("AZURE_CLIENT_ID"))
                .clientSecret(System.getenv("AZURE_CLIENT_SECRET"))
                .disableInstanceDiscovery()
                .build())
            .buildClient();
        String token = System.getenv("SUITE_ATTESTATION");
        KeyReleasePolicy policy = new KeyReleasePolicy(BinaryData.fromString(System.getenv("SUITE_POLICY")));
        KeyVaultKey made = keys.createRsaKey(
            new CreateRsaKeyOptions("java-made").setExportable(true).setReleasePolicy(policy));
        if (!made.getProperties().isExportable()) {
            throw new IllegalStateException("The key is not exportable.");
        }
        for (KeyExportEncryptionAlgorithm algorithm : List.of(KeyExportEncryptionAlgorithm.CKM_RSA_AES_KEY_WRAP,
            KeyExportEncryptionAlgorithm.RSA_AES_KEY_WRAP_256, KeyExportEncryptionAlgorithm.RSA_AES_KEY_WRAP_384)) {
            ReleaseKeyOptions options = new ReleaseKeyOptions().setAlgorithm(algorithm).setNonce("fresh");
            System.out.println(algorithm + " " + keys.releaseKeyWithResponse("java-made",
                made.getProperties().getVersion(), token, options, Context.NONE).getValue().getValue());
        }
        try {
            keys.releaseKey("java-made", "no.such.token");
            throw new IllegalStateException("A token that is none was not refused.");
        } catch (HttpResponseException refused) {
            if (refused.getResponse().getStatusCode() != 403) {
                throw refused;
            }
        }
    }
}
