import static com.azure.security.keyvault.keys.cryptography.models.SignatureAlgorithm.ES256;
import static com.azure.security.keyvault.keys.cryptography.models.SignatureAlgorithm.ES256K;
import static com.azure.security.keyvault.keys.cryptography.models.SignatureAlgorithm.ES384;
import static com.azure.security.keyvault.keys.cryptography.models.SignatureAlgorithm.ES512;

import com.azure.core.credential.TokenCredential;
import com.azure.core.exception.HttpResponseException;
import com.azure.core.util.Context;
import com.azure.identity.ClientSecretCredentialBuilder;
import com.azure.security.keyvault.keys.KeyClient;
import com.azure.security.keyvault.keys.KeyClientBuilder;
import com.azure.security.keyvault.keys.cryptography.CryptographyClient;
import com.azure.security.keyvault.keys.cryptography.CryptographyClientBuilder;
import com.azure.security.keyvault.keys.cryptography.models.DecryptParameters;
import com.azure.security.keyvault.keys.cryptography.models.EncryptParameters;
import com.azure.security.keyvault.keys.cryptography.models.EncryptResult;
import com.azure.security.keyvault.keys.cryptography.models.EncryptionAlgorithm;
import com.azure.security.keyvault.keys.cryptography.models.KeyWrapAlgorithm;
import com.azure.security.keyvault.keys.cryptography.models.SignatureAlgorithm;
import com.azure.security.keyvault.keys.models.CreateEcKeyOptions;
import com.azure.security.keyvault.keys.models.CreateOctKeyOptions;
import com.azure.security.keyvault.keys.models.CreateRsaKeyOptions;
import com.azure.security.keyvault.keys.models.DeletedKey;
import com.azure.security.keyvault.keys.models.JsonWebKey;
import com.azure.security.keyvault.keys.models.KeyCurveName;
import com.azure.security.keyvault.keys.models.KeyOperation;
import com.azure.security.keyvault.keys.models.KeyRotationLifetimeAction;
import com.azure.security.keyvault.keys.models.KeyRotationPolicy;
import com.azure.security.keyvault.keys.models.KeyRotationPolicyAction;
import com.azure.security.keyvault.keys.models.KeyType;
import com.azure.security.keyvault.keys.models.KeyVaultKey;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import javax.crypto.spec.SecretKeySpec;

/**
 * What an application does with keys, step by step: each step prints `ok NAME`, and the first that fails ends the program. Java's
 * own cryptography is the other judge. tests/compat/java/keys.test.ts runs it.
 */
public final class UseKeys {
    private static final byte[] MESSAGE = "a message".getBytes(StandardCharsets.UTF_8);

    private static final TokenCredential CREDENTIAL = new ClientSecretCredentialBuilder()
        .tenantId(System.getenv("AZURE_TENANT_ID"))
        .clientId(System.getenv("AZURE_CLIENT_ID"))
        .clientSecret(System.getenv("AZURE_CLIENT_SECRET"))
        .disableInstanceDiscovery()
        .build();

    // Nothing is switched off here: the challenge is verified.
    private static final KeyClient KEYS = new KeyClientBuilder()
        .vaultUrl(System.getenv("AZURE_KEYVAULT_URL"))
        .credential(CREDENTIAL)
        .buildClient();

    private record Step(String name, Body body) {
    }

    private interface Body {
        void run() throws Exception;
    }

    private static final List<Step> STEPS = List.of(
        new Step("made of every type, read, changed, listed", UseKeys::live),
        new Step("deleted, recovered, purged, backed up, restored", UseKeys::die),
        new Step("rotated, with a policy", UseKeys::rotate),
        new Step("taken from outside", UseKeys::importEvery),
        new Step("random bytes", () -> want(KEYS.getRandomBytes(32).length == 32)),
        new Step("signed by RSA", UseKeys::signRsa),
        new Step("signed by curves", UseKeys::signCurves),
        new Step("sealed by RSA", UseKeys::sealRsa),
        new Step("sealed by AES", UseKeys::sealAes),
        new Step("authenticated by HMAC", UseKeys::authenticate),
        new Step("refused", UseKeys::refuse));

    private UseKeys() {
    }

    public static void main(String[] arguments) {
        for (Step step : STEPS) {
            try {
                step.body().run();
            } catch (Exception failure) {
                System.err.println(step.name());
                failure.printStackTrace();
                System.exit(1);
            }
            System.out.println("ok " + step.name());
        }
        // The SDK's pooled threads would keep the process for a minute.
        System.exit(0);
    }

    private static void live() {
        OffsetDateTime expires = OffsetDateTime.parse("2037-01-01T00:00:00Z");
        KeyVaultKey first = KEYS.createRsaKey(
            new CreateRsaKeyOptions("whole").setKeySize(3072).setTags(Map.of("team", "blue")).setExpiresOn(expires));
        KeyVaultKey got = KEYS.getKey("whole");
        want(got.getId().equals(first.getId()), got.getKeyType().equals(KeyType.RSA), got.getKey().getN().length == 384,
            got.getKey().getD() == null, got.getProperties().getTags().equals(Map.of("team", "blue")),
            got.getProperties().getExpiresOn().isEqual(expires));
        for (KeyCurveName curve : KeyCurveName.values()) {
            KeyVaultKey made = KEYS.createEcKey(new CreateEcKeyOptions("whole").setCurveName(curve));
            want(made.getKeyType().equals(KeyType.EC), made.getKey().getCurveName().equals(curve));
        }
        KeyVaultKey symmetric = KEYS.createOctKey(new CreateOctKeyOptions("whole").setKeySize(256));
        KEYS.updateKeyProperties(first.getProperties().setEnabled(false), KeyOperation.SIGN);
        KeyVaultKey changed = KEYS.getKey("whole", first.getProperties().getVersion());
        want(symmetric.getKeyType().equals(KeyType.OCT), symmetric.getKey().getK() == null,
            !changed.getProperties().isEnabled(), changed.getKeyOperations().equals(List.of(KeyOperation.SIGN)),
            KEYS.listPropertiesOfKeyVersions("whole").stream().count() == 6,
            KEYS.listPropertiesOfKeys().stream().anyMatch(key -> key.getName().equals("whole")));
    }

    private static void die() {
        KeyVaultKey made = curve("life", KeyCurveName.P_256);
        byte[] backup = KEYS.backupKey("life");
        refused(409, () -> KEYS.restoreKeyBackup(backup));
        var deletion = KEYS.beginDeleteKey("life");
        deletion.waitForCompletion(Duration.ofSeconds(20));
        DeletedKey deleted = KEYS.getDeletedKey("life");
        refused(404, () -> KEYS.getKey("life"));
        want(deleted.getScheduledPurgeDate().isEqual(deleted.getDeletedOn().plusDays(90)),
            KEYS.listDeletedKeys().stream().anyMatch(key -> key.getName().equals("life")));
        var recovery = KEYS.beginRecoverDeletedKey("life");
        recovery.waitForCompletion(Duration.ofSeconds(20));
        want(Arrays.equals(KEYS.getKey("life").getKey().getX(), made.getKey().getX()));
        KEYS.beginDeleteKey("life").waitForCompletion(Duration.ofSeconds(20));
        KEYS.purgeDeletedKey("life");
        refused(404, () -> KEYS.getDeletedKey("life"));
        KeyVaultKey restored = KEYS.restoreKeyBackup(backup);
        want(restored.getId().equals(made.getId()), Arrays.equals(restored.getKey().getX(), made.getKey().getX()));
    }

    private static void rotate() {
        KeyVaultKey made = curve("rotates", KeyCurveName.P_256);
        KeyRotationPolicy policy = new KeyRotationPolicy().setExpiresIn("P90D").setLifetimeActions(
            List.of(new KeyRotationLifetimeAction(KeyRotationPolicyAction.ROTATE).setTimeAfterCreate("P30D")));
        KeyRotationPolicy set = KEYS.updateKeyRotationPolicy("rotates", policy);
        KeyRotationPolicy got = KEYS.getKeyRotationPolicy("rotates");
        KeyVaultKey rotated = KEYS.rotateKey("rotates");
        want(set.getId().equals(got.getId()), got.getExpiresIn().equals("P90D"), got.getLifetimeActions().size() == 2,
            got.getCreatedOn() != null, !rotated.getId().equals(made.getId()),
            rotated.getProperties().getExpiresOn().isEqual(rotated.getProperties().getCreatedOn().plusDays(90)));
    }

    private static void importEvery() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        KeyPair pair = generator.generateKeyPair();
        KeyVaultKey taken = KEYS.importKey("rsa-outside", JsonWebKey.fromRsa(pair));
        Cipher cipher = Cipher.getInstance("RSA/ECB/PKCS1Padding");
        cipher.init(Cipher.ENCRYPT_MODE, pair.getPublic());
        byte[] sealed = cipher.doFinal(MESSAGE);
        want(taken.getKey().getD() == null, taken.getKey().toRsa().getPublic().equals(pair.getPublic()),
            Arrays.equals(there(taken).decrypt(EncryptionAlgorithm.RSA1_5, sealed).getPlainText(), MESSAGE));
        for (var curve : Map.of("secp256r1", ES256, "secp384r1", ES384, "secp521r1", ES512).entrySet()) {
            generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec(curve.getKey()));
            pair = generator.generateKeyPair();
            taken = KEYS.importKey("outside-" + curve.getKey(), JsonWebKey.fromEc(pair, generator.getProvider()));
            // What was signed on this side is right on the other.
            Signature signer = Signature.getInstance(hashOf(curve.getValue()).replace("-", "") + "withECDSAinP1363Format");
            signer.initSign(pair.getPrivate());
            signer.update(MESSAGE);
            byte[] digest = digest(curve.getValue());
            want(there(taken).verify(curve.getValue(), digest, signer.sign()).isValid(), taken.getKey().getD() == null);
        }
    }

    private static void signRsa() throws Exception {
        KeyVaultKey key = KEYS.createRsaKey(new CreateRsaKeyOptions("signs").setKeySize(2048));
        for (String size : List.of("256", "384", "512")) {
            Signature pkcs = Signature.getInstance("SHA" + size + "withRSA");
            Signature pss = Signature.getInstance("RSASSA-PSS");
            MGF1ParameterSpec mask = new MGF1ParameterSpec("SHA-" + size);
            pss.setParameter(new PSSParameterSpec("SHA-" + size, "MGF1", mask, Integer.parseInt(size) / 8, 1));
            signAndVerify(key, SignatureAlgorithm.fromString("RS" + size), pkcs);
            signAndVerify(key, SignatureAlgorithm.fromString("PS" + size), pss);
        }
    }

    private static void signCurves() throws Exception {
        Map<KeyCurveName, SignatureAlgorithm> algorithms =
            Map.of(KeyCurveName.P_256, ES256, KeyCurveName.P_384, ES384, KeyCurveName.P_521, ES512);
        for (var each : algorithms.entrySet()) {
            String name = hashOf(each.getValue()).replace("-", "") + "withECDSAinP1363Format";
            signAndVerify(curve("signs", each.getKey()), each.getValue(), Signature.getInstance(name));
        }
        // Java itself does not have this curve.
        signAndVerify(curve("signs", KeyCurveName.P_256K), ES256K, null);
    }

    private static void authenticate() throws Exception {
        for (String size : List.of("256", "384", "512")) {
            KeyVaultKey key = KEYS.createOctKey(
                new CreateOctKeyOptions("mac").setKeySize(256).setKeyOperations(KeyOperation.SIGN, KeyOperation.VERIFY));
            signAndVerify(key, SignatureAlgorithm.fromString("HS" + size), null);
        }
    }

    /** Has both sides look at a signature of the vault, and the vault at a wrong one. */
    private static void signAndVerify(KeyVaultKey key, SignatureAlgorithm algorithm, Signature here) throws Exception {
        byte[] digest = digest(algorithm);
        byte[] signature = there(key).sign(algorithm, digest).getSignature();
        want(there(key).verify(algorithm, digest, signature).isValid());
        if (here != null) {
            JsonWebKey jwk = key.getKey();
            here.initVerify((key.getKeyType().equals(KeyType.RSA) ? jwk.toRsa() : jwk.toEc()).getPublic());
            here.update(MESSAGE);
            want(here.verify(signature));
            // As the package does by itself where it may read the key of a curve; it never verifies by RSA.
            want(key.getKeyType().equals(KeyType.RSA)
                || new CryptographyClientBuilder().jsonWebKey(jwk).buildClient().verify(algorithm, digest, signature).isValid());
            want(there(key).verifyData(algorithm, MESSAGE, there(key).signData(algorithm, MESSAGE).getSignature()).isValid());
        }
        signature[signature.length - 1] ^= 1;
        want(!there(key).verify(algorithm, digest, signature).isValid());
    }

    private static void sealRsa() throws Exception {
        KeyVaultKey key = KEYS.createRsaKey(new CreateRsaKeyOptions("seals").setKeySize(2048));
        RSAPublicKey open = (RSAPublicKey) key.getKey().toRsa().getPublic();
        for (String name : List.of("RSA1_5", "RSA-OAEP", "RSA-OAEP-256")) {
            EncryptionAlgorithm algorithm = EncryptionAlgorithm.fromString(name);
            String hash = name.endsWith("256") ? "SHA-256" : "SHA-1";
            boolean isOaep = name.startsWith("RSA-OAEP");
            Cipher cipher = Cipher.getInstance(isOaep ? "RSA/ECB/OAEPPadding" : "RSA/ECB/PKCS1Padding");
            cipher.init(Cipher.ENCRYPT_MODE, open, isOaep
                ? new OAEPParameterSpec(hash, "MGF1", new MGF1ParameterSpec(hash), PSource.PSpecified.DEFAULT)
                : null);
            byte[] sealed = cipher.doFinal(MESSAGE);
            want(Arrays.equals(there(key).decrypt(algorithm, sealed).getPlainText(), MESSAGE));
            sealed = there(key).encrypt(algorithm, MESSAGE).getCipherText();
            want(Arrays.equals(there(key).decrypt(algorithm, sealed).getPlainText(), MESSAGE));
            wrapAndUnwrap(key, KeyWrapAlgorithm.fromString(name));
        }
        refused(400, () -> there(key).decrypt(EncryptionAlgorithm.RSA_OAEP, random(256)));
    }

    private static void sealAes() throws Exception {
        for (int size : List.of(128, 192, 256)) {
            byte[] secret = random(size / 8);
            SecretKeySpec here = new SecretKeySpec(secret, "AES");
            KeyVaultKey key = KEYS.importKey("aes-" + size, JsonWebKey.fromAes(here));
            byte[] iv = random(16);
            byte[] bound = {1, 2};
            EncryptResult sealed = there(key).encrypt(switch (size) {
                case 128 -> EncryptParameters.createA128GcmParameters(MESSAGE, bound);
                case 192 -> EncryptParameters.createA192GcmParameters(MESSAGE, bound);
                default -> EncryptParameters.createA256GcmParameters(MESSAGE, bound);
            }, Context.NONE);
            byte[] nonce = sealed.getIv();
            byte[] tag = sealed.getAuthenticationTag();
            byte[] opened = there(key).decrypt(switch (size) {
                case 128 -> DecryptParameters.createA128GcmParameters(sealed.getCipherText(), nonce, tag, bound);
                case 192 -> DecryptParameters.createA192GcmParameters(sealed.getCipherText(), nonce, tag, bound);
                default -> DecryptParameters.createA256GcmParameters(sealed.getCipherText(), nonce, tag, bound);
            }, Context.NONE).getPlainText();
            want(Arrays.equals(opened, MESSAGE));
            // What the vault sealed is opened here.
            Cipher gcm = Cipher.getInstance("AES/GCM/NoPadding");
            gcm.init(Cipher.DECRYPT_MODE, here, new GCMParameterSpec(128, nonce));
            gcm.updateAAD(bound);
            gcm.update(sealed.getCipherText());
            want(Arrays.equals(gcm.doFinal(tag), MESSAGE));
            // And what was sealed here is opened by the vault.
            Cipher cbc = Cipher.getInstance("AES/CBC/PKCS5Padding");
            cbc.init(Cipher.ENCRYPT_MODE, here, new IvParameterSpec(iv));
            byte[] ciphertext = cbc.doFinal(MESSAGE);
            opened = there(key).decrypt(switch (size) {
                case 128 -> DecryptParameters.createA128CbcPadParameters(ciphertext, iv);
                case 192 -> DecryptParameters.createA192CbcPadParameters(ciphertext, iv);
                default -> DecryptParameters.createA256CbcPadParameters(ciphertext, iv);
            }, Context.NONE).getPlainText();
            want(Arrays.equals(opened, MESSAGE));
            byte[] blocks = random(32);
            cbc = Cipher.getInstance("AES/CBC/NoPadding");
            cbc.init(Cipher.ENCRYPT_MODE, here, new IvParameterSpec(iv));
            sealed = there(key).encrypt(switch (size) {
                case 128 -> EncryptParameters.createA128CbcParameters(blocks, iv);
                case 192 -> EncryptParameters.createA192CbcParameters(blocks, iv);
                default -> EncryptParameters.createA256CbcParameters(blocks, iv);
            }, Context.NONE);
            want(Arrays.equals(sealed.getCipherText(), cbc.doFinal(blocks)));
            wrapAndUnwrap(key, KeyWrapAlgorithm.fromString("A" + size + "KW"));
            wrapAndUnwrap(key, KeyWrapAlgorithm.CKM_AES_KEY_WRAP);
            wrapAndUnwrap(key, KeyWrapAlgorithm.CKM_AES_KEY_WRAP_PAD);
        }
    }

    private static void wrapAndUnwrap(KeyVaultKey key, KeyWrapAlgorithm algorithm) {
        byte[] secret = random(32);
        byte[] wrapped = there(key).wrapKey(algorithm, secret).getEncryptedKey();
        want(Arrays.equals(there(key).unwrapKey(algorithm, wrapped).getKey(), secret));
    }

    private static void refuse() throws Exception {
        KeyVaultKey key = KEYS.createRsaKey(new CreateRsaKeyOptions("refuses").setKeyOperations(KeyOperation.VERIFY));
        byte[] digest = digest(ES256);
        refused(403, () -> there(key).sign(SignatureAlgorithm.RS256, digest));
        refused(400, () -> there(key).verify(ES256, digest, random(64)));
        refused(400, () -> KEYS.createRsaKey(new CreateRsaKeyOptions("hardware").setHardwareProtected(true)));
        refused(404, () -> KEYS.getKey("nobody"));
    }

    /** A client that keeps no key, and so leaves everything to the vault. */
    private static CryptographyClient there(KeyVaultKey key) {
        return new CryptographyClientBuilder()
            .keyIdentifier(key.getId())
            .credential(CREDENTIAL)
            .disableKeyCaching()
            .buildClient();
    }

    private static KeyVaultKey curve(String name, KeyCurveName curve) {
        return KEYS.createEcKey(new CreateEcKeyOptions(name).setCurveName(curve));
    }

    /** As Java names it. */
    private static String hashOf(SignatureAlgorithm algorithm) {
        return "SHA-" + algorithm.toString().substring(2, 5);
    }

    private static byte[] digest(SignatureAlgorithm algorithm) throws Exception {
        return MessageDigest.getInstance(hashOf(algorithm)).digest(MESSAGE);
    }

    private static byte[] random(int size) {
        byte[] drawn = new byte[size];
        new SecureRandom().nextBytes(drawn);
        return drawn;
    }

    private static void want(boolean... all) {
        for (int at = 0; at < all.length; at++) {
            if (!all[at]) {
                throw new IllegalStateException("number " + (at + 1) + " of " + all.length + " is not as it should be");
            }
        }
    }

    private static void refused(int status, Body body) {
        try {
            body.run();
        } catch (HttpResponseException refusal) {
            if (refusal.getResponse().getStatusCode() == status) {
                return;
            }
            throw refusal;
        } catch (Exception other) {
            throw new IllegalStateException(other);
        }
        throw new IllegalStateException(status + " was wanted, and nothing was refused");
    }
}
