//! What an authenticator answered, verified by `webauthn-rs-core`: no signature is checked and no CBOR is
//! read by code of our own.
//!
//! The crate keeps state between the two halves of a ceremony; here the options' row is the state. It refuses
//! whatever is signed without the user's presence, whether that was asked for or not, as the standard does.

use super::model::{Credential, NewCredential, Options, Refusal, check_credential, origin_text};
use crate::crypto::digest::sha256_hex;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_wire::Object;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::internals::AuthenticatorData;
use webauthn_rs_core::proto::{
    AttestationFormat, AttestedCredentialData, Authentication, AuthenticationExtensionsClientOutputs,
    AuthenticationState, AuthenticatorAssertionResponseRaw, AuthenticatorAttestationResponseRaw,
    COSEAlgorithm, COSEKey, COSEKeyType, COSEOKPKey, Credential as Passkey, EDDSACurve, ParsedAttestation,
    PublicKeyCredential, RegisterPublicKeyCredential, RegisteredExtensions, Registration,
    RegistrationExtensionsClientOutputs, RegistrationState, RequestRegistrationExtensions,
    UserVerificationPolicy,
};

/// Authenticator data: a hash of 32 bytes, flags, a counter of 4 bytes, then the attested credential data.
const HEADER: usize = 37;
const FLAGS: usize = 32;
const HAS_CREDENTIAL: u8 = 0x40;
/// Attested credential data: an AAGUID of 16 bytes, the length of the id in 2, the id, the key.
const ID_AT: usize = 18;
/// The algorithms whose signatures can be verified; RSA with 2048 bits.
const VERIFIABLE: [COSEAlgorithm; 4] =
    [COSEAlgorithm::EDDSA, COSEAlgorithm::ES256, COSEAlgorithm::ES384, COSEAlgorithm::RS256];
/// The most bytes of a COSE key that are kept: an RSA key of 2048 bits has less than 300.
const KEY_MAX: usize = 512;
/// The most transports that are kept, and the most characters of one: browsers name a few, in a word each.
const TRANSPORTS_MAX: usize = 16;
const TRANSPORT_MAX: usize = 32;
/// The length of an Ed25519 key.
const ED25519_LENGTH: usize = 32;

/// A credential as callers send it, with what every kind of answer has.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    /// In base64url.
    pub(super) id: &'a str,
    raw_id: Vec<u8>,
    response: &'a Value,
}

impl<'a> Answer<'a> {
    /// Looks at what can be judged without looking inside: the rest is for options that are still good.
    pub(super) fn read(credential: &'a Object) -> Result<Self, Refusal> {
        let text = |name: &str| match credential.get(name) {
            None | Some(Value::Null) => None,
            Some(value) => Some(value.as_str().unwrap_or_default()),
        };
        check_credential(text("id"), text("type"))?;
        let id = text("id").unwrap_or_default();
        let raw_id = URL_SAFE_NO_PAD.decode(id);
        let raw_id = raw_id.map_err(|_| malformed("credential id has to be base64url without padding"))?;
        if text("rawId").is_some_and(|raw| raw != id) {
            return Err(malformed("credential id and rawId differ"));
        }
        Ok(Self { id, raw_id, response: credential.get("response").unwrap_or(&Value::Null) })
    }

    fn text(&self, name: &str) -> Result<&str, Refusal> {
        let text = self.response.get(name).and_then(Value::as_str);
        text.ok_or_else(|| malformed(&format!("credential {name} is missing!")))
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, Refusal> {
        let bytes = URL_SAFE_NO_PAD.decode(self.text(name)?);
        bytes.map_err(|_| malformed(&format!("credential {name} has to be base64url without padding")))
    }

    /// How the browser says that the authenticator is reached; `null` if it says nothing of use.
    fn transports(&self) -> &Value {
        let given = self.response.get("transports").unwrap_or(&Value::Null);
        let is_short = |name: &Value| name.as_str().is_some_and(|name| name.len() <= TRANSPORT_MAX);
        match given.as_array() {
            Some(names) if names.len() <= TRANSPORTS_MAX && names.iter().all(is_short) => given,
            _ => &Value::Null,
        }
    }

    /// The client's part, from the very origin that the options were made for and from no frame of another.
    fn client_data(&self, options: &Options) -> Result<Vec<u8>, Refusal> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct ClientData {
            origin: String,
            cross_origin: Option<bool>,
        }
        let bytes = self.bytes("clientDataJSON")?;
        let read: ClientData = serde_json::from_slice(&bytes).map_err(|error| refusal(&error.into()))?;
        if Some(read.origin) != origin_text(&options.origin) {
            return Err(refusal(&WebauthnError::InvalidRPOrigin));
        }
        if read.cross_origin == Some(true) {
            return Err(refusal(&WebauthnError::CredentialCrossOrigin));
        }
        Ok(bytes)
    }

    /// A hash of all that is signed, and of the signature.
    pub(super) fn fingerprint(&self) -> Result<String, Refusal> {
        let parts = ["clientDataJSON", "authenticatorData", "signature"].map(|name| self.text(name));
        let [client, authenticator, signature] = parts;
        Ok(sha256_hex(&format!("{}.{}.{}.{}", self.id, client?, authenticator?, signature?)))
    }
}

/// Verifies a new passkey.
pub(super) fn register(options: &Options, answer: &Answer<'_>) -> Result<NewCredential, Refusal> {
    let client_data_json = answer.client_data(options)?;
    let authenticator = authenticator_data(&answer.bytes("attestationObject")?)?;
    let data = AuthenticatorData::<Registration>::try_from(authenticator.as_slice());
    let data = data.map_err(|error| refusal(&error))?;
    let state: RegistrationState = state(json!({
        "policy": options.user_verification,
        "exclude_credentials": [],
        "challenge": options.challenge,
        "credential_algorithms": VERIFIABLE,
        "require_resident_key": false,
        "authenticator_attachment": null,
        "extensions": RequestRegistrationExtensions::default(),
        "allow_synchronised_authenticators": true,
    }))?;
    let attestation_object = unattested(&authenticator)?;
    let response =
        AuthenticatorAttestationResponseRaw { attestation_object, client_data_json, transports: None };
    let credential = RegisterPublicKeyCredential {
        id: answer.id.to_owned(),
        raw_id: answer.raw_id.clone(),
        response,
        type_: "public-key".to_owned(),
        extensions: RegistrationExtensionsClientOutputs::default(),
    };
    match verifier(options)?.register_credential(&credential, &state, None) {
        Ok(_) => {}
        // The crate has looked at everything else by then, but cannot read the key.
        Err(WebauthnError::SshPublicKeyEDUnsupported) => {
            if data.backup_state && !data.backup_eligible {
                return Err(refusal(&WebauthnError::CredentialMayNotBeHardwareBound));
            }
            data.acd
                .as_ref()
                .ok_or(WebauthnError::MissingAttestationCredentialData)
                .and_then(key)
                .map_err(|error| refusal(&error))?;
        }
        Err(error) => return Err(refusal(&error)),
    }
    let attested = data.acd.ok_or_else(|| refusal(&WebauthnError::MissingAttestationCredentialData))?;
    if attested.credential_id != answer.raw_id {
        return Err(malformed("credential id is not the one that was attested"));
    }
    let id_length = attested.credential_id.len();
    let public_key = attested_credential(&authenticator, id_length)?.to_vec();
    if public_key.len() > ID_AT + id_length + KEY_MAX {
        return Err(malformed("credential public key is too long!"));
    }
    let transports = answer.transports().to_string();
    Ok(NewCredential { id: answer.id.to_owned(), public_key, counter: data.counter.into(), transports })
}

/// Verifies a sign-in; answers the new counter. That it grows may be waived.
pub(super) fn authenticate(
    options: &Options,
    stored: &Credential,
    answer: &Answer<'_>,
    waives_counter: bool,
) -> Result<i64, Refusal> {
    let client_data_json = answer.client_data(options)?;
    let authenticator_data = answer.bytes("authenticatorData")?;
    let data = AuthenticatorData::<Authentication>::try_from(authenticator_data.as_slice());
    let data = data.map_err(|error| refusal(&error))?;
    let counter = if waives_counter { 0 } else { u32::try_from(stored.counter).unwrap_or(u32::MAX) };
    let passkey = passkey(stored, counter, &data).map_err(|error| refusal(&error))?;
    let state: AuthenticationState = state(json!({
        "credentials": [],
        "policy": options.user_verification,
        "challenge": options.challenge,
        "appid": null,
        "allow_backup_eligible_upgrade": false,
    }))?;
    let response = AuthenticatorAssertionResponseRaw {
        authenticator_data,
        client_data_json,
        signature: answer.bytes("signature")?,
        user_handle: None,
    };
    let credential = PublicKeyCredential {
        id: answer.id.to_owned(),
        raw_id: answer.raw_id.clone(),
        response,
        extensions: AuthenticationExtensionsClientOutputs::default(),
        type_: "public-key".to_owned(),
    };
    match verifier(options)?.authenticate_single_credential(&credential, &state, &passkey) {
        Ok(_) => {}
        // The crate has looked at everything else but the counter by then.
        Err(WebauthnError::SshPublicKeyEDUnsupported) => {
            check_ed25519(&passkey.cred, &credential.response)?;
            if (counter > 0 || data.counter > 0) && data.counter <= counter {
                return Err(stale_counter());
            }
        }
        Err(error) => return Err(refusal(&error)),
    }
    Ok(data.counter.into())
}

/// A passkey as the crate knows them. Nothing is kept about backups, so those of the answer count: they may
/// not contradict each other.
fn passkey(
    stored: &Credential,
    counter: u32,
    answer: &AuthenticatorData<Authentication>,
) -> Result<Passkey, WebauthnError> {
    let mut data = vec![0; HEADER];
    data[FLAGS] = HAS_CREDENTIAL;
    data.extend_from_slice(&stored.public_key);
    let data = AuthenticatorData::<Registration>::try_from(data.as_slice())?;
    let attested = data.acd.ok_or(WebauthnError::MissingAttestationCredentialData)?;
    Ok(Passkey {
        cred: key(&attested)?,
        cred_id: attested.credential_id,
        counter,
        transports: None,
        user_verified: false,
        backup_eligible: answer.backup_eligible,
        backup_state: answer.backup_state,
        registration_policy: UserVerificationPolicy::Discouraged_DO_NOT_USE,
        extensions: RegisteredExtensions::none(),
        attestation: ParsedAttestation::default(),
        attestation_format: AttestationFormat::None,
    })
}

/// The key; of Ed25519, which authenticators choose where they are offered it, the crate reads none.
fn key(attested: &AttestedCredentialData) -> Result<COSEKey, WebauthnError> {
    let read = COSEKey::try_from(&attested.credential_pk);
    let Err(WebauthnError::SshPublicKeyEDUnsupported) = read else { return read };
    let Cbor::Map(fields) = &attested.credential_pk else { return read };
    match (fields.get(&Cbor::Integer(-1)), fields.get(&Cbor::Integer(-2))) {
        (Some(Cbor::Integer(6)), Some(Cbor::Bytes(x))) if x.len() == ED25519_LENGTH => Ok(COSEKey {
            type_: COSEAlgorithm::EDDSA,
            key: COSEKeyType::EC_OKP(COSEOKPKey { curve: EDDSACurve::ED25519, x: x.clone() }),
        }),
        _ => read,
    }
}

fn check_ed25519(key: &COSEKey, answer: &AuthenticatorAssertionResponseRaw) -> Result<(), Refusal> {
    let COSEKeyType::EC_OKP(key) = &key.key else {
        return Err(refusal(&WebauthnError::COSEKeyInvalidType));
    };
    let mut signed = answer.authenticator_data.clone();
    signed.extend_from_slice(digest(&SHA256, &answer.client_data_json).as_ref());
    let verified = UnparsedPublicKey::new(&ED25519, &key.x).verify(&signed, &answer.signature);
    verified.map_err(|_| refusal(&WebauthnError::AuthenticationFailure))
}

/// The authenticator data in an attestation object.
fn authenticator_data(attestation_object: &[u8]) -> Result<Vec<u8>, Refusal> {
    let read = serde_cbor_2::from_slice(attestation_object).map_err(|error| refusal(&error.into()))?;
    let Cbor::Map(mut fields) = read else { return Err(malformed("attestationObject is not a map")) };
    match fields.remove(&Cbor::Text("authData".to_owned())) {
        Some(Cbor::Bytes(bytes)) => Ok(bytes),
        _ => Err(malformed("attestationObject has no authData")),
    }
}

/// The attestation object of an authenticator that says nothing about itself. Without manufacturers to trust,
/// such a statement proves nothing, and certificates from anybody would be read for it.
fn unattested(authenticator: &[u8]) -> Result<Vec<u8>, Refusal> {
    let fields = [
        ("fmt", Cbor::Text("none".to_owned())),
        ("attStmt", Cbor::Map(BTreeMap::new())),
        ("authData", Cbor::Bytes(authenticator.to_vec())),
    ];
    let fields = fields.map(|(name, value)| (Cbor::Text(name.to_owned()), value));
    serde_cbor_2::to_vec(&Cbor::Map(BTreeMap::from(fields))).map_err(|error| refusal(&error.into()))
}

/// The attested credential data alone: extensions may follow.
fn attested_credential(authenticator: &[u8], id_length: usize) -> Result<&[u8], Refusal> {
    let key_at = HEADER + ID_AT + id_length;
    let mut reader = serde_cbor_2::Deserializer::from_slice(authenticator.get(key_at..).unwrap_or_default());
    Cbor::deserialize(&mut reader).map_err(|error| refusal(&error.into()))?;
    let part = authenticator.get(HEADER..key_at + reader.byte_offset());
    part.ok_or_else(|| refusal(&WebauthnError::MissingAttestationCredentialData))
}

/// The one origin, to the letter: no sub-domain, no other port.
fn verifier(options: &Options) -> Result<WebauthnCore, Refusal> {
    let origin = Url::parse(&options.origin);
    let origin = origin.map_err(|_| Refusal::Options("Origin has to be a valid url!".to_owned()))?;
    Ok(WebauthnCore::new_unsafe_experts_only(
        &options.relying_party_name,
        &options.relying_party_id,
        vec![origin],
        Duration::ZERO,
        Some(false),
        Some(false),
    ))
}

/// What the crate would have kept, had it made the options.
fn state<T: DeserializeOwned>(fields: Value) -> Result<T, Refusal> {
    serde_json::from_value(fields).map_err(|error| Refusal::Options(error.to_string()))
}

/// The counter did not grow: somebody may have copied the key.
pub(super) fn stale_counter() -> Refusal {
    refusal(&WebauthnError::CredentialPossibleCompromise)
}

/// The answer came before, or another one to the same options.
pub(super) fn repeated() -> Refusal {
    Refusal::Authenticator("The options were answered before".to_owned())
}

fn malformed(text: &str) -> Refusal {
    Refusal::Credentials(text.to_owned())
}

fn refusal(error: &WebauthnError) -> Refusal {
    use WebauthnError as E;
    let is_unreadable = matches!(
        error,
        E::ParseBase64Failure(_)
            | E::ParseCBORFailure(_)
            | E::ParseJSONFailure(_)
            | E::ParseNOMFailure
            | E::ParseInsufficientBytesAvailable
            | E::MissingAttestationCredentialData
            | E::COSEKeyInvalidCBORValue
            | E::COSEKeyInvalidType
            | E::COSEKeyInvalidAlgorithm
            | E::COSEKeyECDSAXYInvalid
            | E::COSEKeyRSANEInvalid
            | E::COSEKeyECDSAInvalidCurve
            | E::COSEKeyEDDSAXInvalid
            | E::COSEKeyEDDSAInvalidCurve
            | E::EcdsaPointInvalid
            | E::RsaParametersInvalid
            | E::SshPublicKeyEDUnsupported
    );
    let text = error.to_string();
    if is_unreadable { Refusal::Credentials(text) } else { Refusal::Authenticator(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard's test vectors (W3C, Web Authentication, section "Test Vectors"), as credentials of a
    /// browser: their bytes in base64url.
    const VECTORS: &str = include_str!("../../../testdata/webauthn_vectors.json");

    fn options(challenge: &Value) -> Options {
        Options {
            id: String::new(),
            tenant_id: String::new(),
            challenge: challenge.as_str().unwrap().to_owned(),
            email: None,
            relying_party_id: "example.org".to_owned(),
            relying_party_name: "Example".to_owned(),
            origin: "https://example.org".to_owned(),
            created_at: 0,
            expires_at: 0,
            user_verification: "preferred".to_owned(),
            user_presence: true,
        }
    }

    fn credential(id: &Value, response: &Value) -> Object {
        let credential = json!({"id": id, "rawId": id, "type": "public-key", "response": response});
        credential.as_object().unwrap().clone()
    }

    /// Makes the passkey of a vector and signs in with it, as the vector does.
    fn follow(vector: &Value) -> Result<i64, Refusal> {
        let (made, used) = (&vector["registration"], &vector["authentication"]);
        let credential_made = credential(&made["credentialId"], made);
        let new = register(&options(&made["challenge"]), &Answer::read(&credential_made)?)?;
        let stored = Credential {
            id: new.id,
            relying_party_id: String::new(),
            user_id: String::new(),
            public_key: new.public_key,
            counter: new.counter,
            created_at: 0,
            updated_at: 0,
        };
        let credential_used = credential(&made["credentialId"], used);
        let answer = Answer::read(&credential_used)?;
        // What is signed is signed: another bit of it, or of the signature, is refused.
        for part in ["clientDataJSON", "authenticatorData", "signature"] {
            let mut other = credential_used.clone();
            let mut bytes = answer.bytes(part)?;
            *bytes.last_mut().unwrap() ^= 1;
            other["response"][part] = URL_SAFE_NO_PAD.encode(bytes).into();
            let answer = Answer::read(&other)?;
            assert!(authenticate(&options(&used["challenge"]), &stored, &answer, false).is_err(), "{part}");
        }
        // The challenge of the registration is another one.
        assert!(authenticate(&options(&made["challenge"]), &stored, &answer, false).is_err());
        authenticate(&options(&used["challenge"]), &stored, &answer, false)
    }

    #[test]
    fn the_vectors_of_the_standard_are_followed() {
        let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
        let mut refused = Vec::new();
        for vector in &vectors {
            match follow(vector) {
                Ok(counter) => assert_eq!(counter, 0),
                Err(refusal) => refused.push((vector["name"].as_str().unwrap(), refusal)),
            }
        }
        assert_eq!(vectors.len(), 15);
        let elsewhere = refusal(&WebauthnError::CredentialCrossOrigin);
        let expected = [
            // Made in a frame of another site.
            ("none-es256-crossOrigin", refusal(&WebauthnError::CredentialCrossOrigin)),
            ("none-es256-topOrigin", elsewhere),
            // The table's column is too short, as the reference's.
            ("none-es256-long-credential-id", malformed("credential id is too long!")),
            // Algorithms and key sizes that the crate does not know: they are refused when the passkey is
            // made, not when it is used.
            ("packed-es512", refusal(&WebauthnError::CredentialAlteredAlgFromRequest)),
            ("packed-rs256", refusal(&WebauthnError::COSEKeyRSANEInvalid)),
            ("packed-ed448", refusal(&WebauthnError::COSEKeyInvalidAlgorithm)),
        ];
        assert_eq!(refused, expected);
    }

    #[test]
    fn what_is_cut_short_or_nested_deep_is_refused_and_not_a_panic() {
        let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
        let made = &vectors[0]["registration"];
        let full = URL_SAFE_NO_PAD.decode(made["attestationObject"].as_str().unwrap()).unwrap();
        let deep = vec![0x81; 100_000];
        let halves = (0..full.len()).map(|length| full[..length].to_vec());
        for bytes in halves.chain([deep]) {
            let mut other = credential(&made["credentialId"], made);
            other["response"]["attestationObject"] = URL_SAFE_NO_PAD.encode(&bytes).into();
            let outcome = register(&options(&made["challenge"]), &Answer::read(&other).unwrap());
            assert!(outcome.is_err(), "{}", bytes.len());
        }
    }
}
