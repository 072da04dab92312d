// Answers in a form that can be compared: flat, without what is new each time, tokens taken apart.

/** Headers that are not the SDK's, and why. */
export const ignoredHeaders = {
    date: "the HTTP server's",
    connection: "the HTTP server's",
    "keep-alive": "the HTTP server's",
    "content-length": "the HTTP server's, by the body that is compared",
    "transfer-encoding": "the HTTP server's",
    etag: "Express's",
    "x-powered-by": "Express's",
    vary: "the CORS library's: both name Origin, actix-cors the preflight's headers too",
};

/** Values that are new each time, by the name of their field or parameter. */
const newEachTime = [
    "challenge", "code_challenge", "credentialIds", "deviceId", "linkCode", "nonce", "pkceCodeVerifier", "preAuthSessionId",
    "secret", "state", "token", "userInputCode", "code", "webauthnCredentialId", "webauthnGeneratedOptionsId",
];
/** Numbers of milliseconds that go by meanwhile. */
const times = ["retryAfterMs"];
/** Addresses with parameters that are compared one by one. */
const addresses = ["header location", "body.urlWithQueryParams", "body.qrCodeString", "message.link"];

/** Headers whose value is a list in any order and letter case. */
const lists = ["access-control-allow-headers", "access-control-allow-methods", "access-control-expose-headers"];

export class Answers {
    /** Of an application and the other one, `{name, url}` each. */
    constructor(own, other) {
        this.masks = [[own, "api", "who"], [other, "other api", "other"]].flatMap(([{ name, url, domain }, api, who]) => [
            [url, `<${api}>`], [domain, `<${api}>`], [encodeURIComponent(domain), `<${api}>`], [`${name}-`, `<${who}>-`],
        ]);
        this.kept = [];
        this.names = new Map();
    }

    /** Keeps an answer to compare it; answers what it said itself. */
    keep(call, response, text) {
        const headers = { ...response.headers };
        delete headers["set-cookie"];
        const body = (headers["content-type"] ?? "").startsWith("application/json") ? JSON.parse(text) : undefined;
        const cookies = (response.headers["set-cookie"] ?? []).map(parseCookie);
        const said = { status: response.statusCode, headers, body, cookies: Object.fromEntries(cookies.map(({ name, value }) => [name, value])) };
        const flat = {};
        const number = this.kept.length + 1;
        this.seen = 0;
        if (said.status >= 400 && body === undefined) {
            flat["served by"] = "the application itself, which has no such route";
        } else {
            flat.status = said.status;
            for (const name of Object.keys(headers).sort()) {
                if (!(name in ignoredHeaders)) this.flatten(flat, `header ${name}`, this.header(name, headers[name]));
            }
            for (const cookie of cookies.sort((a, b) => (a.name < b.name ? -1 : 1))) this.flattenCookie(flat, cookie);
            this.flatten(flat, "body", body ?? text);
        }
        this.kept.push({ call: `${number}. ${this.masked(call)}`, flat });
        return said;
    }

    /** Keeps what else the application said or did. */
    note(call, value) {
        const flat = {};
        const number = this.kept.length + 1;
        this.seen = 0;
        this.flatten(flat, "message", value);
        this.kept.push({ call: `${number}. ${this.masked(call)}`, flat });
    }

    flattenCookie(flat, { name, value, attributes }) {
        const key = `cookie ${name}`;
        const times = Object.keys(flat).filter((other) => other.startsWith(`${key}:`)).length;
        this.flatten(flat, `${key}:${times}`, { value: value === "" ? "" : this.token(decodeURIComponent(value)), ...attributes });
    }

    flatten(flat, key, value) {
        if (value !== null && typeof value === "object") {
            if (Object.keys(value).length === 0) flat[key] = Array.isArray(value) ? "[]" : "{}";
            for (const [name, inner] of Object.entries(value)) this.flatten(flat, `${key}.${name}`, inner);
        } else if (addresses.includes(key) && typeof value === "string" && URL.canParse(value)) {
            const { origin, protocol, pathname, searchParams, hash } = new URL(value);
            const parameters = [...searchParams].sort(([a], [b]) => (a < b ? -1 : 1));
            flat[`${key} to`] = this.masked(`${origin === "null" ? protocol : origin}${pathname}`);
            for (const [name, text] of parameters) this.flatten(flat, `${key}.${name}`, text);
            if (hash) this.flatten(flat, `${key}.linkCode`, hash);
        } else {
            const name = key.split(".").findLast((part) => !/^\d+$/.test(part));
            if (times.includes(name)) flat[key] = typeof value;
            // In options it is random, in a user a UUID.
            else if (key === "body.user.id") flat[key] = this.named("id", value);
            else flat[key] = newEachTime.includes(name) && typeof value === "string" && value.length > 5 ? this.named(name, value) : this.scalar(value);
        }
    }

    header(name, value) {
        if (lists.includes(name)) return value.toLowerCase().split(/\s*,\s*/).sort();
        if (value === "") return value;
        if (name === "front-token" && value !== "remove") return JSON.parse(Buffer.from(value, "base64").toString());
        if (["st-access-token", "st-refresh-token"].includes(name)) return this.token(value);
        return value;
    }

    /** An access token's parts; of a refresh token only that it is one. */
    token(text) {
        const parts = text.split(".");
        if (!text.startsWith("eyJ") || parts.length !== 3) return this.named("token", text);
        const [header, payload] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
        return { header, payload, signature: `${Buffer.from(parts[2], "base64url").length} bytes` };
    }

    /** A single value, with a name in place of what is new each time. */
    scalar(value) {
        if (typeof value === "number") {
            if (value > 1e12) return "milliseconds since 1970";
            return value > 1e9 ? "seconds since 1970" : value;
        }
        if (typeof value !== "string") return value;
        if (/^[0-9a-f]{64}$/.test(value)) return this.named("hash", value);
        return this.masked(value).replace(/max-age=\d{3,}/, "max-age=<until the next key>");
    }

    masked(text) {
        const masked = this.masks.reduce((text, [own, mask]) => text.replaceAll(own, mask), text);
        const numbers = masked.replace(/\+44\d{10}/g, (number) => this.named("number", number));
        return numbers.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => this.named("id", id));
    }

    /** The same name for the same value, by the answer where it was first seen. */
    named(kind, value) {
        if (!this.names.has(value)) this.names.set(value, `<${kind} ${this.kept.length + 1}.${++this.seen}>`);
        return this.names.get(value);
    }
}

function parseCookie(text) {
    const [pair, ...rest] = text.split(/;\s*/);
    const attributes = {};
    for (const attribute of rest) {
        const [name, value] = attribute.split("=");
        attributes[name.toLowerCase()] = name.toLowerCase() === "expires" ? fromNow(value) : (value ?? true);
    }
    return { name: pair.slice(0, pair.indexOf("=")), value: pair.slice(pair.indexOf("=") + 1), attributes };
}

function fromNow(date) {
    const at = Date.parse(date);
    return at === 0 ? "1970" : `in ${((at - Date.now()) / 86_400_000).toFixed(1)} days`;
}

/** Where two lists of answers differ: `{call, field, node, rust}`. */
export function compare(node, rust) {
    const found = [];
    for (let i = 0; i < Math.max(node.length, rust.length); i++) {
        const [a, b] = [node[i]?.flat ?? {}, rust[i]?.flat ?? {}];
        for (const field of new Set([...Object.keys(a), ...Object.keys(b)])) {
            if (a[field] !== b[field]) found.push({ call: (node[i] ?? rust[i]).call, field, node: a[field], rust: b[field] });
        }
    }
    return found;
}
