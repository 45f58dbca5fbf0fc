package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
)

var message = []byte("a message")

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// The curves that Go itself has: it knows no P-256K.
var curves = map[azkeys.CurveName]elliptic.Curve{
	azkeys.CurveNameP256: elliptic.P256(),
	azkeys.CurveNameP384: elliptic.P384(),
	azkeys.CurveNameP521: elliptic.P521(),
}

type curveAlgorithm struct {
	name azkeys.SignatureAlgorithm
	hash crypto.Hash
}

var curveAlgorithms = map[azkeys.CurveName]curveAlgorithm{
	azkeys.CurveNameP256:  {azkeys.SignatureAlgorithmES256, crypto.SHA256},
	azkeys.CurveNameP256K: {azkeys.SignatureAlgorithmES256K, crypto.SHA256},
	azkeys.CurveNameP384:  {azkeys.SignatureAlgorithmES384, crypto.SHA384},
	azkeys.CurveNameP521:  {azkeys.SignatureAlgorithmES512, crypto.SHA512},
}

func signRSA(c caller) error {
	key, err := c.create("signs", azkeys.CreateKeyParameters{Kty: to(azkeys.KeyTypeRSA)})
	if err != nil {
		return err
	}
	for size, hash := range hashes {
		digest := digestOf(hash)
		check := func(name string, isRight func(signature []byte) error) error {
			return c.signAndVerify(key, azkeys.SignatureAlgorithm(name+size), digest, isRight)
		}
		err := errors.Join(
			check("RS", func(signature []byte) error { return rsa.VerifyPKCS1v15(publicRSA(key), hash, digest, signature) }),
			check("PS", func(signature []byte) error {
				return rsa.VerifyPSS(publicRSA(key), hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
			}),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func signCurves(c caller) error {
	for name, algorithm := range curveAlgorithms {
		key, err := c.curve("signs", name)
		if err != nil {
			return err
		}
		digest := digestOf(algorithm.hash)
		err = c.signAndVerify(key, algorithm.name, digest, func(signature []byte) error {
			if curves[name] == nil {
				return nil
			}
			half := len(signature) / 2
			r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
			return want(ecdsa.Verify(publicCurve(key), digest, r, s))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func authenticate(c caller) error {
	for size, hash := range hashes {
		secret := random(32)
		key, err := c.take("mac", &azkeys.JSONWebKey{Kty: to(azkeys.KeyTypeOct), K: secret,
			KeyOps: []*azkeys.KeyOperation{to(azkeys.KeyOperationSign), to(azkeys.KeyOperationVerify)}})
		if err != nil {
			return err
		}
		digest := digestOf(hash)
		err = c.signAndVerify(key, azkeys.SignatureAlgorithm("HS"+size), digest, func(signature []byte) error {
			here := hmac.New(hash.New, secret)
			here.Write(digest)
			return want(hmac.Equal(here.Sum(nil), signature))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func sealRSA(c caller) error {
	key, err := c.create("seals", azkeys.CreateKeyParameters{Kty: to(azkeys.KeyTypeRSA)})
	if err != nil {
		return err
	}
	oaep := func(with hash.Hash) func() ([]byte, error) {
		return func() ([]byte, error) { return rsa.EncryptOAEP(with, rand.Reader, publicRSA(key), message, nil) }
	}
	here := map[azkeys.EncryptionAlgorithm]func() ([]byte, error){
		azkeys.EncryptionAlgorithmRSA15: func() ([]byte, error) {
			return rsa.EncryptPKCS1v15(rand.Reader, publicRSA(key), message)
		},
		azkeys.EncryptionAlgorithmRSAOAEP:    oaep(sha1.New()),
		azkeys.EncryptionAlgorithmRSAOAEP256: oaep(sha256.New()),
	}
	for algorithm, seal := range here {
		sealed, err := seal()
		if err != nil {
			return err
		}
		there, err := c.Encrypt(c, key.KID.Name(), key.KID.Version(), azkeys.KeyOperationParameters{Algorithm: &algorithm, Value: message}, nil)
		if err != nil {
			return err
		}
		for _, ciphertext := range [][]byte{sealed, there.Result} {
			opened, err := c.Decrypt(c, key.KID.Name(), key.KID.Version(), azkeys.KeyOperationParameters{Algorithm: &algorithm, Value: ciphertext}, nil)
			if err != nil {
				return err
			}
			if err := want(bytes.Equal(opened.Result, message)); err != nil {
				return err
			}
		}
		if err := c.wrapAndUnwrap(key, algorithm); err != nil {
			return err
		}
	}
	_, err = c.Decrypt(c, "seals", "", azkeys.KeyOperationParameters{Algorithm: to(azkeys.EncryptionAlgorithmRSAOAEP), Value: random(256)}, nil)
	return refusal(400, "BadParameter", err)
}

// signAndVerify has both sides look at a signature of the vault, and the vault at a wrong one.
func (c caller) signAndVerify(key *azkeys.JSONWebKey, algorithm azkeys.SignatureAlgorithm, digest []byte, isRight func([]byte) error) error {
	signature, err := c.sign(key, algorithm, digest)
	if err != nil {
		return fmt.Errorf("%s: %w", algorithm, err)
	}
	if err := isRight(signature); err != nil {
		return fmt.Errorf("%s on this side: %w", algorithm, err)
	}
	right, err := c.verify(key, algorithm, digest, signature)
	if err != nil {
		return fmt.Errorf("%s: %w", algorithm, err)
	}
	slices.Reverse(signature)
	wrong, err := c.verify(key, algorithm, digest, signature)
	if err != nil {
		return fmt.Errorf("%s: %w", algorithm, err)
	}
	return want(right, !wrong)
}

func (c caller) wrapAndUnwrap(key *azkeys.JSONWebKey, algorithm azkeys.EncryptionAlgorithm) error {
	secret := random(32)
	wrapped, err := c.WrapKey(c, key.KID.Name(), key.KID.Version(), azkeys.KeyOperationParameters{Algorithm: &algorithm, Value: secret}, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", algorithm, err)
	}
	unwrapped, err := c.UnwrapKey(c, key.KID.Name(), key.KID.Version(),
		azkeys.KeyOperationParameters{Algorithm: &algorithm, Value: wrapped.Result}, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", algorithm, err)
	}
	return want(bytes.Equal(unwrapped.Result, secret), *wrapped.KID == *key.KID)
}

func (c caller) create(name string, parameters azkeys.CreateKeyParameters) (*azkeys.JSONWebKey, error) {
	made, err := c.CreateKey(c, name, parameters, nil)
	return made.Key, err
}

func (c caller) curve(name string, curve azkeys.CurveName) (*azkeys.JSONWebKey, error) {
	return c.create(name, azkeys.CreateKeyParameters{Kty: to(azkeys.KeyTypeEC), Curve: &curve})
}

func (c caller) take(name string, key *azkeys.JSONWebKey) (*azkeys.JSONWebKey, error) {
	taken, err := c.ImportKey(c, name, azkeys.ImportKeyParameters{Key: key}, nil)
	return taken.Key, err
}

func (c caller) sign(key *azkeys.JSONWebKey, algorithm azkeys.SignatureAlgorithm, digest []byte) ([]byte, error) {
	signed, err := c.Sign(c, key.KID.Name(), key.KID.Version(), azkeys.SignParameters{Algorithm: &algorithm, Value: digest}, nil)
	return signed.Result, err
}

func (c caller) verify(key *azkeys.JSONWebKey, algorithm azkeys.SignatureAlgorithm, digest, signature []byte) (bool, error) {
	verified, err := c.Verify(c, key.KID.Name(), key.KID.Version(),
		azkeys.VerifyParameters{Algorithm: &algorithm, Digest: digest, Signature: signature}, nil)
	return verified.Value != nil && *verified.Value, err
}

func publicRSA(key *azkeys.JSONWebKey) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).SetBytes(key.N), E: int(new(big.Int).SetBytes(key.E).Int64())}
}

func publicCurve(key *azkeys.JSONWebKey) *ecdsa.PublicKey {
	return &ecdsa.PublicKey{Curve: curves[*key.Crv], X: new(big.Int).SetBytes(key.X), Y: new(big.Int).SetBytes(key.Y)}
}

func digestOf(with crypto.Hash) []byte {
	sum := with.New()
	sum.Write(message)
	return sum.Sum(nil)
}

func random(size int) []byte {
	drawn := make([]byte, size)
	rand.Read(drawn) // It never fails.
	return drawn
}

// want fails where one of what was looked at is not so, and says which.
func want(all ...bool) error {
	if at := slices.Index(all, false); at >= 0 {
		return fmt.Errorf("number %d of %d is not as it should be", at+1, len(all))
	}
	return nil
}

// refusal fails unless the vault refused with this status and code.
func refusal(status int, code string, err error) error {
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) || refused.StatusCode != status || refused.ErrorCode != code {
		return fmt.Errorf("%d %s was wanted, not: %w", status, code, err)
	}
	return nil
}

func second[T any](_ T, err error) error { return err }

func to[T any](value T) *T { return &value }
