// One of the two applications under comparison: sends requests to it, and keeps what it answered in a form
// in which two applications' answers can be compared.
import { request } from "node:http";
import { once } from "node:events";
import { Answers } from "./answers.js";

export const website = "http://localhost:3000";
export const password = "a-Secret-1";

let numbers = 0;

export class Application {
    /** `domain` is what it takes itself to be at, if that is not `url`. */
    constructor(name, url, domain = url) {
        this.name = name;
        this.url = url;
        this.domain = domain;
        this.users = 0;
    }

    /** Begins a case: what was answered is counted from here. */
    begin(other) {
        this.answers = new Answers(this, other);
    }

    /** An address that nobody has used at this application. */
    address() {
        return `${this.name}-${++this.users}@example.com`;
    }

    /** A phone number that nobody has used. */
    number() {
        return `+44207183${8000 + ++numbers}`;
    }

    get(path, headers) {
        return this.send("GET", path, { headers });
    }

    post(path, json, headers = {}) {
        return this.withJson("POST", path, json, headers);
    }

    withJson(method, path, json, headers = {}) {
        return this.send(method, path, { headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(json) });
    }

    /** The newest message to somebody, which is compared too. Some come after the answer to what they are about. */
    async sent(to, isExpected = true) {
        let message = null;
        for (const deadline = Date.now() + (isExpected ? 5000 : 100); message === null && Date.now() < deadline; ) {
            message = await (await fetch(`${this.url}/sent?to=${encodeURIComponent(to)}`)).json();
        }
        this.answers.note(`the message to ${to}`, message);
        return message;
    }

    /** Sends exactly this, and keeps the answer. */
    async send(method, path, { headers = {}, body } = {}) {
        const call = request(this.url + path, { method, agent: false, headers: { origin: website, ...headers } });
        call.end(body);
        const [response] = await once(call, "response");
        let text = "";
        for await (const part of response.setEncoding("utf8")) text += part;
        return this.answers.keep(`${method} ${path}`, response, text);
    }

    /** Signs a new user up, and answers the session. */
    async signUp(mode = "header", headers = {}) {
        const email = this.address();
        const answer = await this.post("/auth/signup", form({ email, password }), { "st-auth-mode": mode, ...headers });
        return { email, userId: answer.body?.user?.id, ...tokensOf(answer) };
    }
}

/** The body of a form. */
export function form(fields, more = {}) {
    return { formFields: Object.entries(fields).map(([id, value]) => ({ id, value })), ...more };
}

/** The tokens that an answer gives, in whichever way. */
export function tokensOf({ headers, cookies }) {
    return {
        access: headers["st-access-token"] || cookies.sAccessToken,
        refresh: headers["st-refresh-token"] || cookies.sRefreshToken,
    };
}

export const bearer = (token) => ({ authorization: `Bearer ${token}` });

/** The header of a browser that holds these cookies. */
export function cookies(values) {
    return { cookie: Object.entries(values).map(([name, value]) => `${name}=${value}`).join("; ") };
}
