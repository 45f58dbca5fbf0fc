// What an application does with keys, step by step: each step prints `ok NAME`, and the first that fails ends the program. The
// module leaves every operation to the vault; Go's own cryptography is the other judge. tests/compat/go/keys.test.ts runs it.
package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"os"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
)

// A caller of the vault.
type caller struct {
	context.Context
	*azkeys.Client
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	credential, err := azidentity.NewClientSecretCredential(os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"),
		os.Getenv("AZURE_CLIENT_SECRET"), &azidentity.ClientSecretCredentialOptions{DisableInstanceDiscovery: true})
	exitOn("sign in", err)
	// No options: the challenge is verified.
	client, err := azkeys.NewClient(os.Getenv("AZURE_KEYVAULT_URL"), credential, nil)
	exitOn("client", err)
	for _, step := range steps {
		exitOn(step.name, step.run(caller{ctx, client}))
		fmt.Println("ok", step.name)
	}
}

func exitOn(name string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

type step struct {
	name string
	run  func(caller) error
}

var steps = []step{
	{"made of every type, read, changed, listed", live},
	{"deleted, recovered, purged, backed up, restored", die},
	{"rotated, with a policy", rotate},
	{"taken from outside", importEvery},
	{"random bytes", drawBytes},
	{"signed by RSA", signRSA},
	{"signed by curves", signCurves},
	{"sealed by RSA", sealRSA},
	{"sealed by AES", sealAES},
	{"authenticated by HMAC", authenticate},
	{"refused", refuse},
}

func live(c caller) error {
	expires := time.Date(2037, 1, 1, 0, 0, 0, 0, time.UTC)
	first, err := c.CreateKey(c, "whole", azkeys.CreateKeyParameters{Kty: to(azkeys.KeyTypeRSA), KeySize: to(int32(3072)),
		Tags: map[string]*string{"team": to("blue")}, KeyAttributes: &azkeys.KeyAttributes{Expires: &expires}}, nil)
	if err != nil {
		return err
	}
	version := first.Key.KID.Version()
	got, err := c.GetKey(c, "whole", "", nil)
	if err != nil {
		return err
	}
	if err := want(*got.Key.KID == *first.Key.KID, got.Attributes.Expires.Equal(expires), *got.Tags["team"] == "blue",
		publicRSA(got.Key).Size() == 384, got.Key.D == nil, *got.Attributes.RecoveryLevel == "Recoverable+Purgeable"); err != nil {
		return err
	}
	for _, curve := range azkeys.PossibleCurveNameValues() {
		made, err := c.CreateKey(c, "whole", azkeys.CreateKeyParameters{Kty: to(azkeys.KeyTypeEC), Curve: &curve}, nil)
		if err != nil {
			return err
		}
		if err := want(*made.Key.Crv == curve, *made.Key.Kty == azkeys.KeyTypeEC, len(made.Key.X) == len(made.Key.Y)); err != nil {
			return err
		}
	}
	symmetric, err := c.create("whole", azkeys.CreateKeyParameters{Kty: to(azkeys.KeyTypeOct), KeySize: to(int32(256))})
	if err != nil {
		return err
	}
	_, err = c.UpdateKey(c, "whole", version, azkeys.UpdateKeyParameters{KeyOps: []*azkeys.KeyOperation{to(azkeys.KeyOperationSign)},
		KeyAttributes: &azkeys.KeyAttributes{Enabled: to(false)}}, nil)
	if err != nil {
		return err
	}
	changed, err := c.GetKey(c, "whole", version, nil)
	if err != nil {
		return err
	}
	versions := 0
	for pager := c.NewListKeyPropertiesVersionsPager("whole", nil); pager.More(); {
		page, err := pager.NextPage(c)
		if err != nil {
			return err
		}
		versions += len(page.Value)
	}
	listed := false
	for pager := c.NewListKeyPropertiesPager(nil); pager.More(); {
		page, err := pager.NextPage(c)
		if err != nil {
			return err
		}
		listed = listed || slices.ContainsFunc(page.Value, func(key *azkeys.KeyProperties) bool { return key.KID.Name() == "whole" })
	}
	return want(!*changed.Attributes.Enabled, len(changed.Key.KeyOps) == 1, versions == 6, listed, symmetric.K == nil)
}

func die(c caller) error {
	made, err := c.curve("life", azkeys.CurveNameP256)
	if err != nil {
		return err
	}
	backup, err := c.BackupKey(c, "life", nil)
	if err != nil {
		return err
	}
	if err := refusal(409, "Conflict", second(c.RestoreKey(c, azkeys.RestoreKeyParameters{KeyBackup: backup.Value}, nil))); err != nil {
		return err
	}
	deleted, err := c.DeleteKey(c, "life", nil)
	if err != nil {
		return err
	}
	if _, err := c.GetDeletedKey(c, "life", nil); err != nil {
		return err
	}
	if err := refusal(404, "KeyNotFound", second(c.GetKey(c, "life", "", nil))); err != nil {
		return err
	}
	listed := false
	for pager := c.NewListDeletedKeyPropertiesPager(nil); pager.More(); {
		page, err := pager.NextPage(c)
		if err != nil {
			return err
		}
		listed = listed || slices.ContainsFunc(page.Value, func(key *azkeys.DeletedKeyProperties) bool { return key.KID.Name() == "life" })
	}
	recovered, err := c.RecoverDeletedKey(c, "life", nil)
	if err != nil {
		return err
	}
	if _, err := c.DeleteKey(c, "life", nil); err != nil {
		return err
	}
	if _, err := c.PurgeDeletedKey(c, "life", nil); err != nil {
		return err
	}
	if err := refusal(404, "KeyNotFound", second(c.GetDeletedKey(c, "life", nil))); err != nil {
		return err
	}
	restored, err := c.RestoreKey(c, azkeys.RestoreKeyParameters{KeyBackup: backup.Value}, nil)
	if err != nil {
		return err
	}
	return want(deleted.ScheduledPurgeDate.Equal(deleted.DeletedDate.AddDate(0, 0, 90)), listed,
		bytes.Equal(recovered.Key.X, made.X), *restored.Key.KID == *made.KID, bytes.Equal(restored.Key.X, made.X))
}

func rotate(c caller) error {
	made, err := c.curve("rotates", azkeys.CurveNameP256)
	if err != nil {
		return err
	}
	set, err := c.UpdateKeyRotationPolicy(c, "rotates", azkeys.KeyRotationPolicy{
		Attributes: &azkeys.KeyRotationPolicyAttributes{ExpiryTime: to("P90D")},
		LifetimeActions: []*azkeys.LifetimeAction{{
			Action:  &azkeys.LifetimeActionType{Type: to(azkeys.KeyRotationPolicyActionRotate)},
			Trigger: &azkeys.LifetimeActionTrigger{TimeAfterCreate: to("P30D")},
		}},
	}, nil)
	if err != nil {
		return err
	}
	got, err := c.GetKeyRotationPolicy(c, "rotates", nil)
	if err != nil {
		return err
	}
	rotated, err := c.RotateKey(c, "rotates", nil)
	if err != nil {
		return err
	}
	return want(*set.ID == *got.ID, *got.Attributes.ExpiryTime == "P90D", len(got.LifetimeActions) == 2,
		got.Attributes.Created != nil, *rotated.Key.KID != *made.KID, !bytes.Equal(rotated.Key.X, made.X),
		rotated.Attributes.Expires.Equal(rotated.Attributes.Created.AddDate(0, 0, 90)))
}

func importEvery(c caller) error {
	pair, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	exponent := big.NewInt(int64(pair.E)).Bytes()
	taken, err := c.take("rsa-outside", &azkeys.JSONWebKey{Kty: to(azkeys.KeyTypeRSA), N: pair.N.Bytes(), E: exponent, D: pair.D.Bytes(),
		P: pair.Primes[0].Bytes(), Q: pair.Primes[1].Bytes(), DP: pair.Precomputed.Dp.Bytes(), DQ: pair.Precomputed.Dq.Bytes(),
		QI: pair.Precomputed.Qinv.Bytes()})
	if err != nil {
		return err
	}
	if err := want(pair.PublicKey.Equal(publicRSA(taken)), taken.D == nil, taken.P == nil); err != nil {
		return err
	}
	for name, curve := range curves {
		pair, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			return err
		}
		size := (curve.Params().BitSize + 7) / 8
		taken, err := c.take("outside-"+string(name), &azkeys.JSONWebKey{Kty: to(azkeys.KeyTypeEC), Crv: to(name),
			X: pair.X.FillBytes(make([]byte, size)), Y: pair.Y.FillBytes(make([]byte, size)), D: pair.D.FillBytes(make([]byte, size))})
		if err != nil {
			return err
		}
		// What was signed on this side is right on the other.
		algorithm := curveAlgorithms[name]
		digest := digestOf(algorithm.hash)
		r, s, err := ecdsa.Sign(rand.Reader, pair, digest)
		if err != nil {
			return err
		}
		signature := append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		isRight, err := c.verify(taken, algorithm.name, digest, signature)
		if err != nil {
			return err
		}
		if err := want(isRight, pair.PublicKey.Equal(publicCurve(taken))); err != nil {
			return err
		}
	}
	return nil
}

func drawBytes(c caller) error {
	drawn, err := c.GetRandomBytes(c, azkeys.GetRandomBytesParameters{Count: to(int32(32))}, nil)
	if err != nil {
		return err
	}
	return want(len(drawn.Value) == 32)
}

// What an error is to Go's callers: a status and a code.
func refuse(c caller) error {
	made, err := c.create("refuses", azkeys.CreateKeyParameters{Kty: to(azkeys.KeyTypeRSA),
		KeyOps: []*azkeys.KeyOperation{to(azkeys.KeyOperationVerify)}})
	if err != nil {
		return err
	}
	_, err = c.sign(made, azkeys.SignatureAlgorithmRS256, digestOf(crypto.SHA256))
	if err := refusal(403, "Forbidden", err); err != nil {
		return err
	}
	_, err = c.verify(made, azkeys.SignatureAlgorithmES256, digestOf(crypto.SHA256), random(64))
	if err := refusal(400, "BadParameter", err); err != nil {
		return err
	}
	_, err = c.create("hardware", azkeys.CreateKeyParameters{Kty: to(azkeys.KeyTypeRSAHSM)})
	if err := refusal(400, "BadParameter", err); err != nil {
		return err
	}
	return refusal(404, "KeyNotFound", second(c.GetKey(c, "nobody", "", nil)))
}

func sealAES(c caller) error {
	for _, size := range []int{128, 192, 256} {
		secret, iv := random(size/8), random(aes.BlockSize)
		key, err := c.take(fmt.Sprintf("aes-%d", size), &azkeys.JSONWebKey{Kty: to(azkeys.KeyTypeOct), K: secret})
		if err != nil {
			return err
		}
		block, err := aes.NewCipher(secret)
		if err != nil {
			return err
		}
		name := func(mode string) *azkeys.EncryptionAlgorithm {
			return to(azkeys.EncryptionAlgorithm(fmt.Sprintf("A%d%s", size, mode)))
		}
		// What the vault sealed is opened here.
		bound := []byte("bound")
		sealed, err := c.Encrypt(c, key.KID.Name(), key.KID.Version(), azkeys.KeyOperationParameters{Algorithm: name("GCM"),
			Value: message, AdditionalAuthenticatedData: bound}, nil)
		if err != nil {
			return err
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			return err
		}
		opened, err := gcm.Open(nil, sealed.IV, slices.Concat(sealed.Result, sealed.AuthenticationTag), bound)
		if err != nil {
			return err
		}
		there, err := c.Decrypt(c, key.KID.Name(), key.KID.Version(), azkeys.KeyOperationParameters{Algorithm: name("GCM"),
			Value: sealed.Result, IV: sealed.IV, AuthenticationTag: sealed.AuthenticationTag, AdditionalAuthenticatedData: bound}, nil)
		if err != nil {
			return err
		}
		if err := want(bytes.Equal(opened, message), bytes.Equal(there.Result, message)); err != nil {
			return err
		}
		// And what was sealed here is opened by the vault.
		padded := slices.Concat(message, bytes.Repeat([]byte{7}, 7))
		ciphertext := make([]byte, len(padded))
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(ciphertext, padded)
		for mode, plaintext := range map[string][]byte{"CBC": padded, "CBCPAD": message} {
			sealed, err := c.Encrypt(c, key.KID.Name(), key.KID.Version(), azkeys.KeyOperationParameters{Algorithm: name(mode),
				Value: plaintext, IV: iv}, nil)
			if err != nil {
				return err
			}
			opened, err := c.Decrypt(c, key.KID.Name(), key.KID.Version(), azkeys.KeyOperationParameters{Algorithm: name(mode),
				Value: ciphertext, IV: iv}, nil)
			if err != nil {
				return err
			}
			if err := want(bytes.Equal(sealed.Result, ciphertext), bytes.Equal(opened.Result, plaintext)); err != nil {
				return err
			}
		}
		for _, algorithm := range []azkeys.EncryptionAlgorithm{*name("KW"), azkeys.EncryptionAlgorithmCKMAESKEYWRAP,
			azkeys.EncryptionAlgorithmCKMAESKEYWRAPPAD} {
			if err := c.wrapAndUnwrap(key, algorithm); err != nil {
				return err
			}
		}
	}
	return nil
}
