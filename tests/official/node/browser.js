// What a browser with SuperTokens' frontend SDK does on the wire: it keeps the tokens and sends them back.

/** One browser profile (mode "cookie") or mobile app (mode "header") in front of an application. */
export class Browser {
    constructor(url, mode) {
        this.url = url;
        this.mode = mode;
        this.cookies = new Map();
        this.tokens = { access: "", refresh: "" };
    }

    get(path) {
        return this.request("GET", path);
    }

    post(path, body) {
        return this.request("POST", path, body);
    }

    signUp(email, password) {
        return this.post("/auth/signup", form({ email, password }));
    }

    signIn(email, password) {
        return this.post("/auth/signin", form({ email, password }));
    }

    refresh() {
        return this.post("/auth/session/refresh");
    }

    /** The same profile at an earlier or other moment: what an attacker who copied its tokens holds. */
    copy() {
        const twin = new Browser(this.url, this.mode);
        twin.cookies = new Map(this.cookies);
        twin.tokens = { ...this.tokens };
        return twin;
    }

    accessToken() {
        return this.mode === "cookie" ? decodeURIComponent(this.cookies.get("sAccessToken")?.value ?? "") : this.tokens.access;
    }

    refreshToken() {
        return this.mode === "cookie" ? decodeURIComponent(this.cookies.get("sRefreshToken")?.value ?? "") : this.tokens.refresh;
    }

    async request(method, path, body) {
        const headers = { "st-auth-mode": this.mode, rid: "anti-csrf", ...this.#credentials(path) };
        if (body !== undefined) headers["content-type"] = "application/json";
        const response = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
        const text = await response.text();
        this.#keep(response.headers);
        return { status: response.status, headers: response.headers, body: parse(text) };
    }

    #credentials(path) {
        if (this.mode === "header") {
            const token = path === "/auth/session/refresh" ? this.tokens.refresh : this.tokens.access;
            return token ? { authorization: `Bearer ${token}` } : {};
        }
        const sent = [...this.cookies].filter(([, cookie]) => path.startsWith(cookie.path)).map(([name, { value }]) => `${name}=${value}`);
        return sent.length ? { cookie: sent.join("; ") } : {};
    }

    #keep(headers) {
        for (const kind of ["access", "refresh"]) this.tokens[kind] = headers.get(`st-${kind}-token`) ?? this.tokens[kind];
        for (const line of headers.getSetCookie()) {
            const cookie = parseCookie(line);
            if (cookie.expires > Date.now()) this.cookies.set(cookie.name, cookie);
            else this.cookies.delete(cookie.name);
        }
    }
}

/** A form as the frontend SDK posts it. */
export const form = (fields) => ({ formFields: Object.entries(fields).map(([id, value]) => ({ id, value })) });

/** The claims of a JWT, unverified. */
export const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[1], "base64url"));

/** The front-token header: who is signed in, for the frontend to read. */
export const frontTokenOf = (response) => JSON.parse(Buffer.from(response.headers.get("front-token"), "base64"));

export function parseCookie(line) {
    const [pair, ...attributes] = line.split(/;\s*/);
    const attribute = (name) => attributes.find((candidate) => candidate.toLowerCase().startsWith(name))?.slice(name.length);
    const split = pair.indexOf("=");
    return {
        name: pair.slice(0, split),
        value: pair.slice(split + 1),
        path: attribute("path=") ?? "/",
        expires: Date.parse(attribute("expires=")),
        httpOnly: attribute("httponly") !== undefined,
        sameSite: attribute("samesite=")?.toLowerCase(),
    };
}

function parse(text) {
    try {
        return JSON.parse(text);
    } catch {
        return text;
    }
}
