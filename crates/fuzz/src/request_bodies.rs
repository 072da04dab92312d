//! Calls to the core: the first byte chooses the endpoint, the second one the version; the body follows, or
//! the query string.

use crate::input::choice;
use portcullis_wire::{Cdi, Endpoint, FromInput, Input, Method};
use serde_json::Value;

/// Reads a call, and again what a Rust caller would send instead.
pub fn run(data: &[u8]) {
    let Some((endpoint, rest)) = choice(data) else { return };
    let Some((version, text)) = choice(rest) else { return };
    let cdi = Cdi::SUPPORTED[version % Cdi::SUPPORTED.len()];
    (ENDPOINTS[endpoint % ENDPOINTS.len()].1)(text, cdi);
}

/// Each endpoint as the core's table names it.
pub fn names() -> Vec<String> {
    ENDPOINTS.iter().map(|(name, _)| name()).collect()
}

type ReadTwice = (fn() -> String, fn(&[u8], Cdi));

fn name<E: Endpoint>() -> String {
    format!("{:?} {}", E::METHOD, E::PATH)
}

/// The longest texts of some fields, in characters.
const LIMITS: [(&str, usize); 4] =
    [("email", 256), ("thirdPartyId", 28), ("userId", 128), ("passwordHash", 256)];

/// Their bodies are one object of free form.
const IS_FREE: [&str; 2] = ["/ee/license", "/bulk-import/import"];

fn read_twice<E: Endpoint>(text: &[u8], cdi: Cdi) {
    let has_body = matches!(E::METHOD, Method::Post | Method::Put);
    let read = |text: &[u8]| {
        let input = if has_body {
            Input::body(text, cdi).ok()?
        } else {
            Input::query(form_urlencoded::parse(text).into_owned(), cdi)
        };
        E::Request::from_input(input).ok()
    };
    let Some(request) = read(text) else { return };
    let Value::Object(sent) = serde_json::to_value(&request).unwrap() else { return };
    for (field, limit) in LIMITS.iter().filter(|_| has_body && !IS_FREE.contains(&E::PATH)) {
        let length = sent.get(*field).and_then(Value::as_str).map_or(0, |text| text.chars().count());
        assert!(length <= *limit, "{field} of {length} characters");
    }
    let text = if has_body { Value::Object(sent.clone()).to_string() } else { query(&sent) };
    let again = read(text.as_bytes()).expect("what a caller sends is read");
    assert_eq!(serde_json::to_value(&again).unwrap(), Value::Object(sent), "{}", E::PATH);
}

fn query(fields: &portcullis_wire::Object) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs = fields.iter().map(|(name, value)| (name, text(value)));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

macro_rules! endpoints {
    ($($module:ident: $($endpoint:ident)*;)*) => {
        &[$($((name::<portcullis_wire::$module::$endpoint>, read_twice::<portcullis_wire::$module::$endpoint>)),*),*]
    };
}

/// New ones come last: the seeds name them by their number.
const ENDPOINTS: &[ReadTwice] = endpoints! {
    admin: HelloGet HelloPost HelloPut HelloDelete RootGet RootPost RootPut RootDelete ApiVersion Config
        Telemetry RequestsStats FeatureFlag SetLicense GetLicense RemoveLicense;
    emailpassword: SignUp SignIn CreateResetToken ConsumeResetToken ResetPassword UpdateUser CheckPassword
        GetUser ImportUser;
    emailverification: CreateToken Verify IsVerified RemoveTokens Unverify;
    jwt: CreateJwt ListJwks;
    keys: Jwks;
    multitenancy: PutDomain PutDomainV2 PutApp PutAppV2 PutTenant PutTenantV2 GetTenant GetTenantV2
        ListTenants ListTenantsV2 ListApps ListAppsV2 ListDomains ListDomainsV2 RemoveTenant RemoveApp
        RemoveDomain;
    passwordless: CreateCode ConsumeCode CheckCode RemoveCode RemoveCodes GetCodes UpdateUser GetUser;
    providers: PutProvider RemoveProvider;
    session: CreateSession FindSession VerifySession RefreshSession RegenerateSession RemoveSessions
        ListSessions UpdateSessionData FindSessionData UpdateJwtData FindJwtData Handshake;
    thirdparty: SignInUp GetUser UsersByEmail;
    totp: CreateDevice RenameDevice ListDevices RemoveDevice ImportDevice DeviceStatuses VerifyDevice Verify;
    usermetadata: GetMetadata UpdateMetadata RemoveMetadata BulkGetMetadata;
    userroles: CreateRole GetPermissions RemovePermissions GetRolesOfPermission RemoveRole GetRoles
        AddUserRole RemoveUserRole GetUserRoles GetRoleUsers;
    users: GetUser RemoveUser CountUsers ListUsers SearchTags CountActiveUsers UsersByAccountInfo;
    webauthn: CreateRegisterOptions CreateSignInOptions GetOptions RemoveOptions SignUp SignIn
        RegisterCredential GetCredential ListCredentials RemoveCredential CreateRecoveryToken
        ConsumeRecoveryToken GetRecoveringUser UpdateEmail;
    useridmapping: CreateMapping GetMapping RemoveMapping UpdateInfo;
    accountlinking: CheckPrimary CreatePrimary CheckLink Link Unlink;
    dashboard: CreateUser UpdateUser DeleteUser ListUsers ListSessions RevokeSession SignIn VerifySession
        GetSettings;
    multitenancy: AddMember RemoveMember;
    bulkimport: AddUsers ListUsers CountUsers RemoveUsers Import;
    admin: MigrationModeOf MigrationProgress;
};
