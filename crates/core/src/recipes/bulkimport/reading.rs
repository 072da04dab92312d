//! A user as a caller describes it: everything that is wrong with the description is told, not only the first.

use crate::crypto::digest::{Secret, hmac_sha256};
use crate::crypto::password_hash::Kind;
use crate::crypto::password_pool::PoolError;
use crate::crypto::random;
use crate::ground::users::model::{normalise_email, normalise_phone_number};
use crate::recipes::{emailpassword, totp};
use portcullis_wire::Object;
use portcullis_wire::bulkimport::{ImportDevice, ImportMethod, ImportRole, ImportUser};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// What a description may refer to.
#[derive(Debug)]
pub(super) struct Known {
    /// The app's roles.
    pub(super) roles: HashSet<String>,
    /// The app's tenants.
    pub(super) tenants: HashSet<String>,
    /// Those that live elsewhere than the public tenant, with names of their databases.
    pub(super) apart: HashMap<String, String>,
    /// Whether there is a key to verify Firebase's hashes with.
    pub(super) firebase_key: bool,
    /// Milliseconds since 1970.
    pub(super) now: i64,
}

/// Where login methods get their ids from.
#[derive(Clone, Copy)]
pub(super) enum Ids<'a> {
    /// They are new, whatever is told.
    New,
    /// Those that are told. What is told of no id has one that follows from the description and from a secret: read
    /// again, it is the same user, and nobody can find out from the id what the description may have told.
    Told(&'a Secret),
}

/// Reads descriptions one after the other; no two of users who are new may have one external id.
pub(super) struct Reader<'a> {
    known: &'a Known,
    ids: Ids<'a>,
    external_ids: HashSet<String>,
    /// The place of the next login method.
    place: u16,
}

/// An object whose fields are read, and what is wrong with them.
struct Fields<'a> {
    object: &'a Object,
    /// What the object is, at the end of each text.
    of: String,
    errors: &'a mut Vec<String>,
}

impl Fields<'_> {
    fn fault(&mut self, text: String) {
        self.errors.push(text);
    }

    /// A field of a type; `None` if it is missing or of another one.
    fn read<T>(
        &mut self,
        key: &str,
        (kind, required): (&str, bool),
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let Some(value) = self.object.get(key) else {
            if required {
                self.fault(format!("{key} is required{}", self.of));
            }
            return None;
        };
        let read = read(value);
        if read.is_none() {
            self.fault(format!("{key} should be of type {kind}{}", self.of));
        }
        read
    }

    fn text(&mut self, key: &str, required: bool) -> Option<String> {
        self.read(key, ("string", required), text)
    }

    fn texts(&mut self, key: &str, required: bool) -> Option<Vec<String>> {
        self.read(key, ("array of string", required), |value| value.as_array()?.iter().map(text).collect())
    }

    fn integer(&mut self, key: &str) -> Option<i64> {
        self.read(key, ("integer", false), |value| {
            #[expect(clippy::cast_possible_truncation, reason = "cut towards zero, as in the reference")]
            value.as_i64().or_else(|| value.as_f64().map(|number| number as i64))
        })
    }

    fn flag(&mut self, key: &str) -> bool {
        self.read(key, ("boolean", false), Value::as_bool).unwrap_or_default()
    }

    fn objects(&mut self, key: &str, required: bool) -> Option<Vec<Object>> {
        self.read(key, ("array of object", required), |value| {
            value.as_array()?.iter().map(|item| item.as_object().cloned()).collect()
        })
    }

    /// A text that fits into its column.
    fn at_most(&mut self, value: Option<String>, name: &str, limit: usize) -> Option<String> {
        if let Some(text) = value.as_ref().filter(|text| text.encode_utf16().count() > limit) {
            // A text that long is not said again.
            let shown: String = text.chars().take(limit).collect();
            self.fault(format!("{name} {shown} is too long. Max length is {limit}."));
        }
        value
    }
}

/// A text that is not blank.
fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.trim().is_empty() && !text.contains('\0')).map(str::to_owned)
}

impl<'a> Reader<'a> {
    pub(super) fn new(known: &'a Known, ids: Ids<'a>) -> Self {
        Self { known, ids, external_ids: HashSet::new(), place: 0 }
    }

    /// The user, or everything that is wrong.
    pub(super) fn user(&mut self, object: &Object) -> Result<ImportUser, Vec<String>> {
        let mut errors = Vec::new();
        let mut fields = Fields { object, of: ".".to_owned(), errors: &mut errors };
        let external_id = fields.text("externalUserId", false);
        let user_metadata =
            fields.read("userMetadata", ("object", false), |value| value.as_object().cloned());
        let roles = fields.objects("userRoles", false);
        let user_roles = roles.map(|roles| self.roles(&roles, &mut fields));
        let devices = fields.objects("totpDevices", false);
        let totp_devices =
            devices.map(|devices| devices.iter().filter_map(|d| device(d, &mut fields)).collect());
        let login_methods = self.methods(&mut fields);
        self.check_database(&login_methods, &mut fields);
        let external_user_id = self.external_id(external_id, &mut fields);
        for role in user_roles.iter().flatten() {
            for tenant_id in role.tenant_ids.iter().filter(|id| *id != crate::PUBLIC) {
                if !login_methods.iter().any(|method| method.tenant_ids.contains(tenant_id)) {
                    fields.fault(format!(
                        "TenantId {tenant_id} for a user role does not exist in loginMethods."
                    ));
                }
            }
        }
        let user = ImportUser { external_user_id, user_metadata, user_roles, totp_devices, login_methods };
        if errors.is_empty() { Ok(user) } else { Err(errors) }
    }

    fn external_id(&mut self, id: Option<String>, fields: &mut Fields<'_>) -> Option<String> {
        let id = fields.at_most(id, "externalUserId", 128)?.trim().to_owned();
        // Users of a file may be told twice: which of them are the same is seen from their internal ids.
        if matches!(self.ids, Ids::New) && !self.external_ids.insert(id.clone()) {
            fields.fault(format!("externalUserId {id} is not unique. It is already used by another user."));
        }
        Some(id)
    }

    fn roles(&self, roles: &[Object], user: &mut Fields<'_>) -> Vec<ImportRole> {
        let mut read = Vec::new();
        for object in roles {
            let of = " for a user role.".to_owned();
            let mut fields = Fields { object, of: of.clone(), errors: &mut *user.errors };
            let role = fields.text("role", true);
            let tenant_ids = fields.texts("tenantIds", true);
            let role = fields.at_most(role, "role", 255).map(|role| role.trim().to_owned());
            let tenant_ids = tenant_ids.map(|ids| self.tenants(ids, &of, &mut fields));
            let (Some(role), Some(tenant_ids)) = (role, tenant_ids) else { continue };
            if !self.known.roles.contains(&role) {
                fields.fault(format!("Role {role} does not exist."));
            }
            read.push(ImportRole { role, tenant_ids });
        }
        read
    }

    fn tenants(&self, ids: Vec<String>, of: &str, fields: &mut Fields<'_>) -> Vec<String> {
        let mut read: Vec<String> = Vec::new();
        for id in ids {
            let normalised = id.trim().to_lowercase();
            if !self.known.tenants.contains(&normalised) {
                fields.fault(format!("Invalid tenantId: {id}{of}"));
            } else if !read.contains(&normalised) {
                read.push(normalised);
            }
        }
        read
    }

    /// All tenants of a user must be in one database.
    fn check_database(&self, methods: &[ImportMethod], user: &mut Fields<'_>) {
        let database = |id: &String| self.known.apart.get(id);
        let first = methods.iter().flat_map(|method| &method.tenant_ids).next().and_then(database);
        for method in methods.iter().filter(|method| method.tenant_ids.iter().any(|id| database(id) != first))
        {
            let recipe = &method.recipe_id;
            user.fault(format!("All tenants for a user must share the same database for {recipe} recipe."));
        }
    }

    fn methods(&mut self, user: &mut Fields<'_>) -> Vec<ImportMethod> {
        let Some(methods) = user.objects("loginMethods", true) else { return Vec::new() };
        if methods.is_empty() {
            user.fault("At least one loginMethod is required.".to_owned());
        }
        let is_primary = |method: &&Object| method.get("isPrimary").and_then(Value::as_bool) == Some(true);
        for _ in methods.iter().filter(is_primary).skip(1) {
            user.fault("No two loginMethods can have isPrimary as true.".to_owned());
        }
        let seed = match self.ids {
            Ids::New => None,
            Ids::Told(key) => Some((key, serde_json::to_string(user.object).unwrap_or_default())),
        };
        let seed = |at: usize| {
            let (key, text) = seed.as_ref()?;
            Some(hmac_sha256(key.reveal().as_bytes(), format!("import {at} {text}").as_bytes()))
        };
        let methods = methods.iter().enumerate();
        methods.filter_map(|(at, object)| self.method(object, seed(at), user)).collect()
    }

    /// The seed is what an id follows from that is not told; without one, ids are new.
    fn method(
        &mut self,
        object: &Object,
        seed: Option<impl AsRef<[u8]>>,
        user: &mut Fields<'_>,
    ) -> Option<ImportMethod> {
        let mut fields = Fields { object, of: " for a loginMethod.".to_owned(), errors: &mut *user.errors };
        let recipe_id = fields.text("recipeId", true);
        let tenant_ids = fields.texts("tenantIds", false);
        let (is_verified, is_primary) = (fields.flag("isVerified"), fields.flag("isPrimary"));
        let told_time = fields.integer("timeJoinedInMSSinceEpoch");
        let time_joined = told_time.unwrap_or(self.known.now);
        if time_joined > self.known.now {
            fields.fault("timeJoined cannot be in future for a loginMethod.".to_owned());
        }
        if time_joined < 0 {
            fields.fault("timeJoined cannot be < 0 for a loginMethod.".to_owned());
        }
        let recipe_id = recipe_id?;
        let of = format!(" for {recipe_id} recipe.");
        let tenant_ids = match tenant_ids {
            None => vec![crate::PUBLIC.to_owned()],
            Some(ids) if ids.is_empty() => {
                fields.fault(format!("tenantIds should not be empty{of}"));
                ids
            }
            Some(ids) => self.tenants(ids, &of, &mut fields),
        };
        let mut method =
            ImportMethod { tenant_ids, is_verified, is_primary, time_joined, ..ImportMethod::default() };
        (method.user_id, method.external_user_id) = match seed {
            None => {
                self.place = self.place.wrapping_add(1);
                (random::ordered_uuid_at(time_joined.max(0), self.place), None)
            }
            Some(seed) => told_ids(told_time.unwrap_or_default(), seed.as_ref(), &mut fields),
        };
        let article = if recipe_id == "emailpassword" { "an" } else { "a" };
        fields.of = format!(" for {article} {recipe_id} recipe.");
        match recipe_id.as_str() {
            "emailpassword" => with_password(&mut method, &mut fields, self.known.firebase_key),
            "thirdparty" => with_provider(&mut method, &mut fields),
            "passwordless" => with_code(&mut method, &mut fields),
            _ => {
                let text = "Invalid recipeId for loginMethod. Pass one of emailpassword, thirdparty or, passwordless!";
                fields.fault(text.to_owned());
                return None;
            }
        }
        method.recipe_id = recipe_id;
        Some(method)
    }
}

/// The ids that a login method tells of itself.
fn told_ids(time_joined: i64, seed: &[u8], fields: &mut Fields<'_>) -> (String, Option<String>) {
    let external_id = fields.text("externalUserId", false);
    let external_id = fields.at_most(external_id, "externalUserId", 128).map(|id| id.trim().to_owned());
    let told = fields.text("superTokensUserId", false);
    if told.as_ref().is_some_and(|id| !random::is_uuid(id)) {
        fields.fault("superTokensUserId should be a UUID in lower case for a loginMethod.".to_owned());
    }
    let bits = seed.first_chunk().copied().unwrap_or_default();
    (told.unwrap_or_else(|| random::ordered_uuid_of(time_joined, &bits)), external_id)
}

fn device(object: &Object, user: &mut Fields<'_>) -> Option<ImportDevice> {
    let mut fields = Fields { object, of: " for a totp device.".to_owned(), errors: &mut *user.errors };
    let secret_key = fields.text("secretKey", true);
    let (period, skew) = (fields.integer("period").unwrap_or(30), fields.integer("skew").unwrap_or(1));
    let name = fields.text("deviceName", false);
    if secret_key.as_ref().is_some_and(|key| key.len() > 256) {
        fields.fault("TOTP secretKey is too long. Max length is 256.".to_owned());
    }
    if period < 1 {
        fields.fault("period should be > 0 for a totp device.".to_owned());
    }
    if skew < 0 {
        fields.fault("skew should be >= 0 for a totp device.".to_owned());
    }
    if skew > totp::SKEW_MAX || period > i64::from(i32::MAX) {
        fields.fault("period and skew are too large for a totp device.".to_owned());
    }
    let device_name = fields.at_most(name, "TOTP deviceName", 256).map(|name| name.trim().to_owned());
    Some(ImportDevice { secret_key: secret_key?, period, skew, device_name })
}

fn email(fields: &mut Fields<'_>, required: bool) -> Option<String> {
    // Measured as it is stored: some letters become two in lower case.
    let email = fields.text("email", required).map(|email| normalise_email(&email));
    fields.at_most(email, "email", 256)
}

fn with_password(method: &mut ImportMethod, fields: &mut Fields<'_>, firebase_key: bool) {
    method.email = email(fields, true);
    let hash = fields.text("passwordHash", false);
    let algorithm = fields.text("hashingAlgorithm", false);
    method.plain_text_password = fields.text("plainTextPassword", false);
    if (hash.is_none() || algorithm.is_none()) && method.plain_text_password.is_none() {
        fields.fault(
            "Either (passwordHash, hashingAlgorithm) or plainTextPassword is required for an emailpassword recipe."
                .to_owned(),
        );
    }
    let algorithm = algorithm.map(|name| name.trim().to_uppercase());
    if let Some(name) = &algorithm
        && !Kind::ALL.iter().any(|kind| kind.name() == name)
    {
        let text = "Invalid hashingAlgorithm for emailpassword recipe. Pass one of bcrypt, argon2, firebase_scrypt, pbkdf2 or, scrypt!";
        return fields.fault(text.to_owned());
    }
    if let (Some(hash), Some(algorithm)) = (&hash, &algorithm) {
        let hash = hash.trim();
        if hash.len() > 256 {
            fields.fault("passwordHash is too long. Max length is 256.".to_owned());
        }
        match emailpassword::check_import(hash, Some(algorithm)) {
            Err(text) => fields.fault(text.to_owned()),
            // Nobody could sign in with it.
            Ok(Kind::FirebaseScrypt) if !firebase_key => {
                fields.fault(PoolError::MissingFirebaseKey.to_string());
            }
            Ok(_) => {}
        }
        // A hash is as good as the password, and needs none beside it.
        method.plain_text_password = None;
    }
    method.password_hash = hash.filter(|_| algorithm.is_some()).map(|hash| hash.trim().to_owned());
    method.hashing_algorithm = algorithm;
}

fn with_provider(method: &mut ImportMethod, fields: &mut Fields<'_>) {
    method.email = email(fields, true);
    let (provider, user) = (fields.text("thirdPartyId", true), fields.text("thirdPartyUserId", true));
    method.third_party_id = fields.at_most(provider, "thirdPartyId", 28);
    method.third_party_user_id = fields.at_most(user, "thirdPartyUserId", 256);
}

fn with_code(method: &mut ImportMethod, fields: &mut Fields<'_>) {
    method.email = email(fields, false);
    let number = fields.text("phoneNumber", false);
    let number = fields.at_most(number, "phoneNumber", 256);
    method.phone_number = number.map(|number| normalise_phone_number(&number));
    if method.email.is_none() && method.phone_number.is_none() {
        fields.fault("Either email or phoneNumber is required for a passwordless recipe.".to_owned());
    }
}
