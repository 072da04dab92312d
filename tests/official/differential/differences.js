// The differences that are meant: what each is, as docs/differences.md names it, how many calls of which cases
// it changes, and how to tell that a field differs because of it. A row whose difference is gone fails.

/** `ofTheFrameworks`: none of the SDKs', but of Express, actix-web and their CORS libraries. */
export const differences = [
    {
        matter: "the first request after a refresh",
        cases: { refresh: 4, "refresh after a lost answer": 2, "refresh without a token that would do": 2, "a session of the other application": 1 },
        is: ({ field, node, rust }) => field.endsWith(".parentRefreshTokenHash1") && node.startsWith("<hash") && rust === null,
    },
    {
        matter: "the first request after a refresh",
        cases: { "the first request after a refresh": 6 },
        is: ({ call, field, node, rust }) =>
            call.endsWith("/session/refresh")
                ? field.endsWith(".parentRefreshTokenHash1") && rust === null
                : node !== undefined && rust === undefined && /^(header (front-token|st-access-token|access-control-expose-headers)|cookie sAccessToken)/.test(field),
    },
    {
        matter: "an access token that names another algorithm than RS256",
        cases: { "a protected route": 3 },
        is: ({ field, node, rust }) => field === "body.message" && node === "try refresh token" && rust === "unauthorised",
    },
    {
        matter: "a body that is the JSON `null`",
        cases: { "bodies that are none": 4, "codes that are asked for in a wrong way": 4 },
        is: ({ field, node, rust }) =>
            field === "status" ? node === 500 && rust === 400 : node === "Internal Server Error" && /^(Missing input param|Please provide)/.test(rust),
    },
    {
        matter: "an `fdi-version` that names no version",
        cases: { "versions of the frontend's interface": 6 },
        is: ({ call }) => /^3[4-9]\. /.test(call),
    },
    {
        matter: "a path that ends in two slashes",
        cases: { paths: 1 },
        is: ({ call }) => call.endsWith("/auth/signin//"),
    },
    {
        matter: "the discovery document and the key list behind a CORS setting for one website",
        cases: { documents: 4, methods: 2, "the recipe that is named": 8 },
        is: ({ field, node }) => field === "header access-control-allow-origin" && node === "*",
    },
    {
        matter: "the nonce of an id token",
        cases: { "sign-in by way of a provider": 22, "tokens that a frontend has got elsewhere": 1, "providers that are asked for in a wrong way": 1, "an address that is proven by several login methods": 1, "an address that nobody has proven": 5, "login methods that are added to the session's user": 4 },
        is: ({ field }) => field === "body.urlWithQueryParams.nonce" || field === "body.pkceCodeVerifier",
    },
    {
        matter: "a code or a token that is refused, an unknown `clientType`, a `redirectURIInfo` that is none",
        cases: { "sign-in by way of a provider": 2, "tokens that a frontend has got elsewhere": 3, "providers that are asked for in a wrong way": 16 },
        is: ({ call, field, node, rust }) =>
            /\/(signinup|authorisationurl)/.test(call) && (field === "status" ? node === 500 && rust === 400 : field === "body.message" && rust !== undefined && !rust.includes("nothing shows")),
    },
    {
        matter: "an access token that a frontend brings along",
        cases: { "tokens that a frontend has got elsewhere": 1 },
        is: ({ call, field, node }) => call === "4. POST /auth/signinup" && (field !== "status" || node === 200),
    },
    {
        matter: "Apple's answer",
        cases: { "Apple's answer": 6 },
        is: ({ call }) => call.endsWith("/callback/apple"),
    },
    {
        matter: "an address for a code, or a proof of one, that is no text",
        cases: { "codes that are asked for in a wrong way": 17 },
        is: ({ field, rust }) =>
            (field === "status" && [200, 400].includes(rust)) || field === "body.status" || (field === "body.message" && rust !== undefined && / (field is a string|must be a string)$/.test(rust)),
    },
    {
        matter: "a device's id or a link's code that cannot be decoded",
        cases: { "codes that are asked for in a wrong way": 4 },
        is: ({ field, node, rust }) => (field === "status" ? node === 500 && rust === 400 : node === "Internal Server Error" && rust !== undefined && !/string|provide/.test(rust)),
    },
    {
        matter: "a frontend from before FDI 1.18 that signs in with a code",
        cases: { "codes for older and newer frontends": 4 },
        is: ({ field, rust }) => field === "body.createdNewRecipeUser" && rust === undefined,
    },
    {
        matter: "a link that is opened while somebody is signed in, with a frontend from before FDI 3.1",
        cases: { "a link that is opened with somebody's session": 1 },
        is: ({ call }) => call.endsWith("/consume"),
    },
    {
        matter: "the name of a person that a new passkey is for",
        cases: { "sign-up and sign-in with a passkey": 1 },
        is: ({ field, rust }) => field === "body.user.displayName" && rust === "Ann",
    },
    {
        matter: "a passkey's answer or its address that is of another kind of value",
        cases: { "passkeys that are asked for in a wrong way": 9 },
        is: ({ call, field, node, rust }) =>
            call.includes("webauthn") && (field === "status" ? [200, 500].includes(node) && rust === 400 : ["body.message", "body.status"].includes(field)),
    },
    {
        matter: "a new passkey by such a link, for an account whose address nobody has proven",
        cases: { "an account whose passkeys are gone": 2 },
        is: ({ call }) => call.endsWith("/webauthn/signin"),
    },
    {
        matter: "the login methods for a kind of client that no provider has",
        cases: { "login methods of a tenant": 1 },
        is: ({ call }) => call.endsWith("clientType=none"),
    },
    {
        matter: "a session whose user becomes another one, as the address was proven in another browser, when it asks whether it is",
        cases: { "an address that is proven in another browser": 1 },
        is: ({ call, field }) => call.startsWith("5. GET") && (field === "status" || field.startsWith("body.")),
    },
    {
        matter: "input of the TOTP APIs that is of the wrong type",
        cases: { "TOTP calls that are none": 12 },
        is: ({ field, node, rust }) => (field === "status" ? node === 500 && rust === 400 : field === "body.message" && node === "Internal Server Error" && /be a (non-empty )?string$/.test(rust)),
    },
    {
        matter: "a TOTP code that is not looked at, since there were too many wrong ones",
        cases: { "codes of an authenticator app": 2, "too many wrong codes of an authenticator app": 1 },
        is: ({ field, node, rust }) => /^body\.(currentN|maxN)umberOfFailedAttempts$/.test(field) && node === 5 && rust === undefined,
    },
    {
        matter: "the login method of a session or of a new user in the dashboard",
        cases: { "users in the dashboard": 3, "what the dashboard shows of a user": 1 },
        is: ({ call, field }) => !call.includes("/users?") && /\.recipeUserId(\.recipeUserId)?$/.test(field),
    },
    {
        matter: "a `limit` of the dashboard's users that is no number",
        cases: { "users in the dashboard": 3 },
        is: ({ call }) => /\?limit=(x|1x)?$/.test(call),
    },
    {
        matter: "a call of the dashboard that the core refuses with 400",
        cases: { "users in the dashboard": 2, "roles in the dashboard": 6 },
        is: ({ call, field, node, rust }) =>
            /\?limit=(0|1&paginationToken=x)$|\/userroles\//.test(call) && (field === "status" ? node === 500 && rust === 400 : field === "body.message" && node === "Internal Server Error"),
    },
    {
        matter: "permissions that are to be taken from a role in the dashboard, and are not named",
        cases: { "roles in the dashboard": 2 },
        is: ({ field, node, rust }) =>
            field === "status" ? node === 200 && rust === 400 : /^body\.(status|permissions)/.test(field) || (field === "body.message" && node === undefined),
    },
    {
        matter: "a factor or a setting that the dashboard changes, without its name or its value",
        cases: { "tenants in the dashboard": 5 },
        is: ({ call, field, node, rust }) =>
            /\/tenant\/(first-factor|core-config)$/.test(call) && (field === "status" ? node === 200 && rust === 400 : field === "body.status" || (field === "body.message" && node === undefined)),
    },
    {
        matter: "a factor that no recipe has, switched on in the dashboard",
        cases: { "tenants in the dashboard": 1 },
        is: ({ field, node, rust }) => field === "body.message" && node?.startsWith("Please initialise undefined recipe ") && rust?.startsWith("Please initialise a recipe "),
    },
    {
        matter: "the core's words in an answer of the dashboard",
        cases: { "tenants in the dashboard": 5 },
        is: ({ field, node, rust }) => field === "body.message" && node === `${rust}\n`,
    },
    {
        matter: "what a provider's discovery document says of PKCE, in the dashboard's form",
        cases: { "providers in the dashboard": 2 },
        is: ({ field }) => field.startsWith("body.providerConfig.codeChallengeMethodsSupported"),
    },
    {
        matter: "a provider that the dashboard asks for or keeps, without its id or a client's",
        cases: { "providers in the dashboard": 3 },
        is: ({ field, node, rust }) => (field === "status" ? node === 500 && rust === 400 : field === "body.message" && node === "Internal Server Error"),
    },
    {
        matter: "Twitter, if the core keeps it for a tenant",
        cases: { "providers in the dashboard": 1 },
        is: ({ field, node, rust }) => field.endsWith(".fromUserInfoAPI.userId") && node === "sub" && rust === "data.id",
    },
    {
        matter: "a preflight is answered with 200 by actix-cors, with 204 by the cors package",
        ofTheFrameworks: true,
        cases: { preflights: 3 },
        is: ({ field, node, rust }) => field === "status" && node === 204 && rust === 200,
    },
    {
        matter: "the protected route's JSON is written by Express and by actix-web",
        ofTheFrameworks: true,
        cases: { refresh: 2, "the first request after a refresh": 4, "sign-out": 2, "a protected route": 9, "a session of the other application": 1 },
        is: ({ call, field, rust }) => call.endsWith("/sessioninfo") && field === "header content-type" && rust === "application/json",
    },
];
