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
        cases: { "bodies that are none": 4 },
        is: ({ field, node, rust }) =>
            field === "status" ? node === 500 && rust === 400 : node === "Internal Server Error" && rust === "Missing input param: formFields",
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
