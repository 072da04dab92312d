// A provider with whom users sign in, as OAuth 2 and OpenID Connect have it, for as many clients as ask.
import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

const base64url = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** Whoever comes to its page is `provider.user`, and agrees. What the application's server asked is kept in `asked`. */
export async function startProvider() {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const codes = new Map();
    const users = new Map();
    const provider = { user: undefined, asked: [] };

    const pages = {
        "/.well-known/openid-configuration": () => ({
            issuer: provider.url,
            authorization_endpoint: `${provider.url}/authorize`,
            token_endpoint: `${provider.url}/token`,
            userinfo_endpoint: `${provider.url}/userinfo`,
            jwks_uri: `${provider.url}/keys`,
            code_challenge_methods_supported: ["S256"],
        }),
        "/keys": () => ({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256", use: "sig" }] }),
        "/token": (form) => {
            const { client, challenge, user } = codes.get(form.code) ?? {};
            const proof = form.code_verifier && createHash("sha256").update(form.code_verifier).digest("base64url");
            if (!user || form.client_id !== client || (challenge && challenge !== proof)) return undefined;
            codes.delete(form.code);
            const token = randomUUID();
            users.set(token, user);
            return { access_token: token, token_type: "Bearer", id_token: idToken(user, client) };
        },
        "/userinfo": (_, headers) => users.get(headers.authorization?.replace("Bearer ", "")),
    };

    function idToken(user, client) {
        const now = Math.floor(Date.now() / 1000);
        const claims = { ...user, iss: provider.url, aud: client, iat: now, exp: now + 60 };
        const text = `${base64url({ alg: "RS256", kid: "1", typ: "JWT" })}.${base64url(claims)}`;
        return `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}`;
    }

    const server = createServer(async (request, response) => {
        const url = new URL(request.url, provider.url);
        const query = Object.fromEntries(url.searchParams);
        if (url.pathname === "/authorize") {
            const code = randomUUID();
            codes.set(code, { client: query.client_id, challenge: query.code_challenge, user: provider.user });
            const back = new URL(query.redirect_uri);
            back.searchParams.set("code", code);
            return response.writeHead(302, { location: back.href }).end();
        }
        let body = "";
        for await (const chunk of request) body += chunk;
        const form = Object.fromEntries(new URLSearchParams(body));
        provider.asked.push({ path: url.pathname, query, form, headers: request.headers });
        const answer = pages[url.pathname]?.(form, request.headers);
        response.writeHead(answer ? 200 : 400, { "content-type": "application/json" }).end(JSON.stringify(answer ?? { error: "invalid_request" }));
    }).listen(0, "localhost");
    await once(server, "listening");
    provider.url = `http://localhost:${server.address().port}`;
    provider.stop = () => server.close();
    return provider;
}
