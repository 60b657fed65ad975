//! Keys of every kind, verified by somebody else's code; and keys of no use.

use aws_lc_rs::encoding::{AsBigEndian as _, EcPrivateKeyBin};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    KeyPair as _, UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::{Value, json};

use super::*;

/// RFC 8037, appendix A.
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

fn ed25519() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": X, "d": D, "kid": "k1"})
}

/// A new key of a curve, and its public half.
fn ecdsa(curve: &Curve) -> (Value, Vec<u8>) {
    let pair = EcdsaKeyPair::generate(curve.signing).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    let private: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().unwrap();
    let (x, y) = public[1..].split_at(curve.bytes);
    let [x, y, d] = [x, y, private.as_ref()].map(|number| URL_SAFE_NO_PAD.encode(number));
    (json!({"kty": "EC", "crv": curve.name, "x": x, "y": y, "d": d, "use": "sig"}), public)
}

fn parse(jwk: &Value) -> Result<SigningKey, InvalidKey> {
    SigningKey::parse(jwk.to_string().as_bytes())
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

/// Signs with `jwk`, verifies by `verifying`, and returns the header and the claims.
#[track_caller]
fn signed(jwk: &Value, public: &[u8], verifying: &'static dyn VerificationAlgorithm) -> [Value; 2] {
    let audiences = ["a.example".to_owned(), "b".to_owned()];
    let lifetime = Duration::from_secs(300);
    let claims = Claims { issuer: "me", subject: "mirror", audiences: &audiences, lifetime };
    let token = parse(jwk).unwrap().sign(&claims, now()).unwrap();
    let (text, signature) = token.expose().rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(verifying, public).verify(text.as_bytes(), &signature).unwrap();
    let (header, payload) = text.split_once('.').unwrap();
    assert_eq!(life(token.expose(), now() + Duration::from_secs(60)).unwrap().as_secs(), 240);
    [header, payload]
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
}

#[test]
fn each_kind_of_key_signs_by_its_algorithm() {
    let public = URL_SAFE_NO_PAD.decode(X).unwrap();
    let [header, mut claims] = signed(&ed25519(), &public, &ED25519);
    assert_eq!(header, json!({"alg": "EdDSA", "kid": "k1", "typ": "JWT"}));
    let id = claims["jti"].take();
    assert_eq!(id.as_str().unwrap().len(), 32);
    let expected = json!({
        "iss": "me", "sub": "mirror", "aud": ["a.example", "b"], "jti": null,
        "iat": 1_700_000_000, "nbf": 1_699_999_970, "exp": 1_700_000_300,
    });
    assert_eq!(claims, expected);
    let [_, mut again] = signed(&ed25519(), &public, &ED25519);
    assert_ne!(again["jti"].take(), id, "each token has an id of its own");

    let verifying: [&'static dyn VerificationAlgorithm; 3] =
        [&ECDSA_P256_SHA256_FIXED, &ECDSA_P384_SHA384_FIXED, &ECDSA_P521_SHA512_FIXED];
    for (curve, verifying) in CURVES.iter().zip(verifying) {
        let (jwk, public) = ecdsa(curve);
        let [header, _] = signed(&jwk, &public, verifying);
        assert_eq!(header, json!({"alg": curve.algorithm, "typ": "JWT"}));
        // A set of one, with what else its author says of it.
        let mut named = jwk.clone();
        named["alg"] = curve.algorithm.into();
        signed(&json!({"keys": [named]}), &public, verifying);
    }
}

#[test]
fn numbers_may_lack_their_leading_zeros() {
    assert_eq!(*number("AQ", 3).unwrap(), [0, 0, 1]);
    assert_eq!(*number("AQ==", 1).unwrap(), [1]);
    for bad in ["", "A", "AQID", "a b"] {
        assert_eq!(number(bad, 2).unwrap_err(), InvalidKey::Numbers, "{bad}");
    }
}

#[track_caller]
fn check(jwk: &Value, expected: &str) {
    let error = parse(jwk).unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert!(!format!("{error:?}").contains(D));
}

#[test]
fn a_key_of_no_use_is_refused_without_being_quoted() {
    let with = |field: &str, value: Value| {
        let mut jwk = ed25519();
        jwk[field] = value;
        jwk
    };
    let numbers = "its `x`, `y` and `d` are no key of its curve";
    let kind = "it is a key of another kind than Ed25519, P-256, P-384 and P-521";
    check(&json!("x"), "it is no JWK, nor a set of one");
    check(&json!({"d": D}), "it is no JWK, nor a set of one");
    check(&json!({"keys": []}), "it is a set of 0 keys: exactly one is wanted");
    let two = json!({"keys": [ed25519(), ed25519()]});
    check(&two, "it is a set of 2 keys: exactly one is wanted");
    check(&with("d", Value::Null), "it is a public key: it has no `d`");
    check(&json!({"kty": "RSA", "n": "AQ", "e": "AQAB", "d": D}), kind);
    check(&json!({"kty": "oct", "k": "AQ"}), kind);
    check(&with("crv", "X25519".into()), kind);
    check(&with("kty", "EC".into()), kind);
    check(&json!({"kty": "EC", "crv": "secp256k1", "x": X, "y": X, "d": D}), kind);
    check(&with("alg", "ES256".into()), "its `alg` is not EdDSA");
    assert!(parse(&with("alg", "Ed25519".into())).is_ok());
    check(&with("x", D.into()), numbers);
    check(&with("d", format!("{D}AA").into()), numbers);
    check(&with("x", Value::Null), numbers);
    let mut foreign = ecdsa(&CURVES[0]).0;
    foreign["d"] = ecdsa(&CURVES[0]).0["d"].take();
    check(&foreign, numbers);
    foreign["y"] = X.into();
    check(&foreign, numbers);
}

#[test]
fn a_token_that_does_not_say_has_no_life() {
    for token in ["", "a", "a.b.c", "a.e30.c", "a.eyJleHAiOiJ4In0.c", "a.eyJleHAiOi0xfQ.c"] {
        assert_eq!(life(token, now()), None, "{token}");
    }
    assert_eq!(life("a.eyJleHAiOjF9.c", now()), Some(Duration::ZERO));
}

#[test]
fn a_new_pair_signs_and_verifies() {
    let NewKey { private, public } = SigningKey::generate().unwrap();
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap()["keys"][0].clone();
    let (private, public) = (read(private.expose()), read(&public));
    let x = URL_SAFE_NO_PAD.decode(public["x"].as_str().unwrap()).unwrap();
    let [header, _] = signed(&private, &x, &ED25519);
    assert_eq!(header["kid"], public["kid"]);
    let mut without = private.clone();
    without.as_object_mut().unwrap().remove("d");
    assert_eq!(without, public, "only the secret half parts them");
    assert_eq!(check_public(&public), InvalidKey::Public);
    let other = SigningKey::generate().unwrap();
    assert_ne!(read(&other.public)["kid"], public["kid"]);
}

fn check_public(jwk: &Value) -> InvalidKey {
    parse(jwk).unwrap_err()
}

#[test]
fn a_key_is_named_by_its_thumbprint() {
    // RFC 8037, appendix A.3, of the key above.
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{X}"}}"#);
    let print = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, members.as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(print), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}
