// What is asked of both applications: each case gets an application of its own to talk to, and the core.
import { bearer, cookies, form, password, tokensOf, website } from "./application.js";

const good = (app, more) => form({ email: app.address(), password }, more);
const raw = (body, type = "application/json") => ({ headers: { "content-type": type }, body });
const refreshPath = "/auth/session/refresh";

export const cases = {
    "sign-up and sign-in": async (app) => {
        const email = app.address();
        for (const path of ["/auth/signup", "/auth/signup", "/auth/signin"]) await app.post(path, form({ email, password }));
        await app.post("/auth/signin", form({ email: `  ${email} `, password }));
        await app.post("/auth/signin", form({ email: email.toUpperCase(), password }));
        await app.post("/auth/signin", form({ email, password: "wrong-Secret-1" }));
        await app.post("/auth/signin", form({ email, password: "" }));
        await app.post("/auth/signin", form({ email: "nobody@example.com", password }));
    },

    "transfer of tokens": async (app) => {
        for (const mode of ["cookie", "header", "Cookie", "any", "nonsense", ""]) {
            await app.signUp(mode);
        }
        await app.post("/auth/signup", good(app));
        const { access, refresh } = await app.signUp("header");
        // The tokens of the other kind are taken away.
        const email = app.address();
        await app.post("/auth/signup", form({ email, password }), { "st-auth-mode": "header", ...cookies({ sAccessToken: access, sRefreshToken: refresh }) });
        await app.post("/auth/signin", form({ email, password }), { "st-auth-mode": "cookie", ...bearer(access) });
    },

    "default rules of the fields": async (app) => {
        const emails = ["", " ", "ann", "ann@example", "ann@example.c", "ann@@example.com", "a nn@example.com", '"ann b"@example.com', "ann@[127.0.0.1]", "än@example.com", null, "x@stfakeemail.supertokens.com", "x@y.fakeemail.com"];
        for (const email of emails) await app.post("/auth/signup", form({ email, password: "short" }));
        const passwords = ["", "short1", "aaaaaaaa", "11111111", "ääääääää1", "        ", "a1😀😀😀", `a1${"x".repeat(97)}`, `a1${"x".repeat(98)}`, null];
        for (const secret of passwords) await app.post("/auth/signup", form({ email: "no address", password: secret }));
        for (const email of emails) await app.post("/auth/signin", form({ email, password }));
        for (const email of emails) await app.post("/auth/user/password/reset/token", form({ email }));
        for (const secret of passwords) await app.post("/auth/user/password/reset", { token: "no token", ...form({ password: secret }) });
    },

    "forms that are none": async (app) => {
        const email = { id: "email", value: "ann@example.com" };
        const secret = { id: "password", value: password };
        const forms = [
            undefined, null, {}, [], "text", 1, true, [null], ["text"], [1], [[]], [{}], [email], [secret], [email, email],
            [email, secret, { id: "age", value: 1 }], [email, secret, email], [{ id: "email" }, secret], [{ value: "x" }, secret],
            [{ id: 1, value: "x" }, secret], [{ id: "email", value: 1 }, secret], [email, { id: "password", value: 1 }],
            [{ id: "email", value: true }, secret], [{ id: "email", value: ["ann@example.com"] }, secret], [email, { id: "password", value: {} }],
            [{ id: "email", value: null }, secret], [email, { id: "password", value: null }], [{ id: "age", value: 1 }, secret],
            [{ id: "Email", value: "ann@example.com" }, secret],
        ];
        const paths = ["/auth/signup", "/auth/signin", "/auth/user/password/reset/token", "/auth/user/password/reset"];
        for (const path of paths) for (const formFields of forms) await app.post(path, { formFields, token: "no token" });
    },

    "bodies that are none": async (app) => {
        for (const path of ["/auth/signup", "/auth/signin", "/auth/user/password/reset/token", "/auth/user/password/reset"]) {
            for (const body of ["", "{", "not JSON", "[]", "null", "1", '"text"', "{}", '{"formFields":[}']) await app.send("POST", path, raw(body));
            await app.send("POST", path, {});
            await app.send("POST", path, { body: "{}" });
            await app.send("POST", path, raw("a=1", "application/x-www-form-urlencoded"));
            await app.send("POST", path, raw("{}", "text/plain"));
            await app.send("POST", path, raw("{}", "application/json; charset=utf-8"));
        }
    },

    "bodies of other kinds than JSON": async (app) => {
        const json = JSON.stringify(good(app));
        await app.send("POST", "/auth/signup", raw(json, "text/plain"));
        await app.send("POST", "/auth/signup", { body: json });
        await app.send("POST", "/auth/signup", raw(JSON.stringify(good(app)), "application/json;charset=UTF-8"));
    },

    "whether an address is taken": async (app) => {
        const { email } = await app.signUp();
        for (const path of ["/auth/signup/email/exists", "/auth/emailpassword/email/exists", "/auth/public/emailpassword/email/exists"]) {
            for (const query of [`?email=${email}`, `?email=${email.toUpperCase()}`, `?email=%20${email}%20`, "?email=nobody@example.com", "?email=", "", "?email=no-address", `?email=${email}&email=${email}`, `?Email=${email}`]) {
                await app.get(path + query);
            }
        }
    },

    "a new password by e-mail": async (app, core) => {
        const { email, userId } = await app.signUp();
        await app.post("/auth/user/password/reset/token", form({ email }));
        await app.post("/auth/user/password/reset/token", form({ email: "nobody@example.com" }));
        const token = await core.resetToken(userId, email);
        const reset = (token, secret, more) => app.post("/auth/user/password/reset", { ...form({ password: secret }), token, ...more });
        await reset(token, "short");
        await reset("no token", "other-Secret-1");
        await reset(token, "other-Secret-1", { method: "token" });
        await reset(token, "other-Secret-1");
        for (const token of [undefined, null, 1, true, "", [], {}]) await reset(token, "other-Secret-1");
        for (const secret of [password, "other-Secret-1"]) await app.post("/auth/signin", form({ email, password: secret }));
    },

    "refresh": async (app) => {
        for (const mode of ["cookie", "header"]) {
            const { access, refresh } = await app.signUp(mode);
            const shown = (refresh) => (mode === "cookie" ? cookies({ sAccessToken: access, sRefreshToken: refresh }) : bearer(refresh));
            const first = await app.send("POST", refreshPath, { headers: shown(refresh) });
            const second = await app.send("POST", refreshPath, { headers: shown(tokensOf(first).refresh) });
            // After its successor was used, a token is a stolen one.
            await app.send("POST", refreshPath, { headers: shown(refresh) });
            await app.send("POST", refreshPath, { headers: shown(tokensOf(second).refresh) });
            await app.get("/sessioninfo", bearer(access));
        }
    },

    "refresh after a lost answer": async (app) => {
        const { refresh } = await app.signUp();
        for (const _ of [1, 2]) await app.send("POST", refreshPath, { headers: bearer(refresh) });
    },

    "the first request after a refresh": async (app) => {
        for (const mode of ["cookie", "header"]) {
            const { refresh } = await app.signUp(mode);
            const shown = mode === "cookie" ? (kind, token) => cookies({ [kind]: token }) : (_, token) => bearer(token);
            const { access } = tokensOf(await app.send("POST", refreshPath, { headers: shown("sRefreshToken", refresh) }));
            for (const _ of [1, 2]) await app.get("/sessioninfo", shown("sAccessToken", access));
        }
    },

    "refresh without a token that would do": async (app) => {
        const { access, refresh } = await app.signUp();
        const attempts = [
            {}, cookies({ sAccessToken: access }), cookies({ sRefreshToken: "" }), cookies({ sRefreshToken: "garbage" }), cookies({ sRefreshToken: access }),
            bearer(""), bearer("garbage"), bearer(access), { authorization: "Basic YTpi" }, { authorization: refresh }, { authorization: `bearer ${refresh}` },
            cookies({ sIdRefreshToken: "old" }), { ...bearer("garbage"), ...cookies({ sRefreshToken: refresh }) },
        ];
        for (const headers of attempts) await app.send("POST", refreshPath, { headers });
        await app.send("POST", refreshPath, { headers: { ...cookies({ sIdRefreshToken: "old", sRefreshToken: refresh }) } });
        const cookie = (await app.signUp("cookie")).refresh;
        await app.send("POST", refreshPath, { headers: { "st-auth-mode": "header", ...cookies({ sRefreshToken: cookie }) } });
        await app.send("POST", refreshPath, { headers: { cookie: `sRefreshToken=${cookie}; sRefreshToken=other` } });
        await app.send("POST", refreshPath, raw("not JSON"));
    },

    "sign-out": async (app) => {
        for (const mode of ["cookie", "header"]) {
            const { access } = await app.signUp(mode);
            const headers = mode === "cookie" ? cookies({ sAccessToken: access }) : bearer(access);
            for (const _ of [1, 2]) await app.send("POST", "/auth/signout", { headers });
            await app.get("/sessioninfo", headers);
        }
        const { access } = await app.signUp();
        await app.send("POST", "/auth/signout", {});
        await app.send("POST", "/auth/signout", { headers: bearer("garbage") });
        await app.send("POST", "/auth/signout", { headers: { "st-auth-mode": "cookie", ...bearer(access) } });
        await app.send("POST", "/auth/public/signout", { headers: bearer((await app.signUp()).access) });
        await app.send("POST", "/auth/signout", { ...raw("not JSON"), headers: { "content-type": "application/json", ...bearer((await app.signUp()).access) } });
    },

    "a protected route": async (app, core) => {
        const { access, refresh } = await app.signUp("cookie");
        const [head, payload, signature] = access.split(".");
        const json = (part) => JSON.parse(Buffer.from(part, "base64url").toString());
        const packed = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
        const tokens = {
            good: access,
            "of a refresh": refresh,
            empty: "",
            garbage: "garbage",
            "with another payload": [head, packed({ ...json(payload), sub: "root" }), signature].join("."),
            "without a signature": [head, payload, ""].join("."),
            "that says it has no signature": [packed({ ...json(head), alg: "none" }), payload, ""].join("."),
            "of an unknown key": [packed({ ...json(head), kid: "d-nosuch" }), payload, signature].join("."),
            "of no key": [packed({ ...json(head), kid: undefined }), payload, signature].join("."),
            "without claims": [head, packed({}), signature].join("."),
            "of the JWT recipe": await core.jwt({}),
            "of the JWT recipe, like a session's": await core.jwt(json(payload)),
            "that has expired": await core.expired(),
        };
        for (const token of Object.values(tokens)) {
            await app.get("/sessioninfo", bearer(token));
            await app.get("/sessioninfo", cookies({ sAccessToken: token }));
            await app.send("POST", "/auth/signout", { headers: token === access ? {} : bearer(token) });
        }
        await app.get("/sessioninfo");
        await app.get("/sessioninfo", { "st-auth-mode": "header", ...cookies({ sAccessToken: access }) });
        await app.get("/sessioninfo", { ...bearer("another system's"), ...cookies({ sAccessToken: access }) });
        await app.get("/sessioninfo", { cookie: `sAccessToken=${access}; sAccessToken=${access}` });
        await app.get("/sessioninfo", { cookie: `sAccessToken="${access}"` });
        await app.get("/sessioninfo", { cookie: ` a=b;c;;sAccessToken=${access} ; =d` });
        await app.get("/sessioninfo", cookies({ sAccessToken: access, sIdRefreshToken: "old" }));
        await app.get("/sessioninfo", { authorization: `bearer ${access}` });
        await app.get("/sessioninfo", { authorization: `Bearer  ${access} ` });
        await app.get("/sessioninfo", { authorization: access });
    },

    "the recipe that is named": async (app) => {
        for (const rid of ["emailpassword", "session", "anti-csrf", "thirdparty", "thirdpartyemailpassword", "thirdpartypasswordless", "nonsense", ""]) {
            const { email, access } = await app.signUp("header", { rid });
            await app.get(`/auth/signup/email/exists?email=${email}`, { rid });
            await app.send("POST", refreshPath, { headers: { rid } });
            await app.send("POST", "/auth/signout", { headers: { rid, ...bearer(access) } });
            await app.get("/auth/jwt/jwks.json", { rid });
        }
    },

    "versions of the frontend's interface": async (app) => {
        for (const version of ["1.16", "1.17", "1.18", "1.19", "2.0", "3.0", "3.1", "4.2", "1.17,3.0", "3.0, 2.0", "9.9", "nonsense", ""]) {
            const { email, access } = await app.signUp("header", { "fdi-version": version });
            await app.post("/auth/signin", form({ email, password }), { "fdi-version": version });
            await app.post("/auth/signin", form({ email, password }), { "fdi-version": version, ...bearer(access) });
        }
    },

    "linking to the session's user": async (app) => {
        const { email, access } = await app.signUp();
        for (const flag of [true, false, null, "true", 1, undefined]) {
            const body = form({ email, password }, { shouldTryLinkingWithSessionUser: flag });
            await app.post("/auth/signin", body);
            await app.post("/auth/signin", body, bearer(access));
            await app.post("/auth/signup", good(app, { shouldTryLinkingWithSessionUser: flag }), bearer("garbage"));
        }
    },

    "paths": async (app) => {
        const email = app.address();
        await app.post("/auth/public/signup", form({ email, password }));
        const paths = ["/auth/signin/", "/auth/public/signin", "/auth/public/signin/", "/auth/PUBLIC/signin", "/auth//signin", "//auth/signin", "/auth/signin//", "/auth/Signin", "/AUTH/signin", "/auth/./signin", "/auth/signin?x=1", "/auth/public/public/signin", "/auth/pub_lic/signin", "/auth/%73ignin", "/auth/nosuch", "/auth", "/auth/", "/authx/signin", "/signin", "/auth/public"];
        for (const path of paths) await app.post(path, form({ email, password }));
        for (const path of ["/auth/nosuch/signin", "/auth/nosuch/signup", "/auth/nosuch/user/password/reset/token"]) {
            await app.post(path, path.endsWith("token") ? form({ email }) : form({ email, password }));
        }
        await app.post("/auth/nosuch/user/password/reset", { token: "no token", ...form({ password }) });
        await app.get(`/auth/nosuch/emailpassword/email/exists?email=${email}`);
        await app.send("POST", "/auth/nosuch/session/refresh", {});
        await app.send("POST", "/auth/nosuch/signout", {});
    },

    "methods": async (app) => {
        const paths = ["/auth/signup", "/auth/signin", "/auth/signout", refreshPath, "/auth/user/password/reset", "/auth/user/password/reset/token", "/auth/emailpassword/email/exists", "/auth/jwt/jwks.json", "/auth/.well-known/openid-configuration"];
        for (const path of paths) {
            for (const method of ["GET", "PUT", "DELETE", "PATCH", "HEAD", "POST"]) {
                if (method !== "POST" || path.includes("exists") || path.includes("j")) await app.send(method, path, {});
            }
        }
    },

    "preflights": async (app) => {
        const asks = { "access-control-request-method": "POST", "access-control-request-headers": "content-type,rid,fdi-version,st-auth-mode,anti-csrf,authorization" };
        for (const path of ["/auth/signin", refreshPath, "/sessioninfo"]) {
            await app.send("OPTIONS", path, { headers: { origin: website, ...asks } });
        }
    },

    "documents": async (app) => {
        for (const path of ["/auth/.well-known/openid-configuration", "/auth/jwt/jwks.json"]) {
            for (const tenant of ["", "/public"]) await app.get(path.replace("/auth", `/auth${tenant}`));
        }
    },

    "a session of the other application": async (app, core, other) => {
        const { access, refresh, email } = await other.signUp();
        await app.get("/sessioninfo", bearer(access));
        await app.send("POST", refreshPath, { headers: bearer(refresh) });
        await app.post("/auth/signin", form({ email, password }));
        await app.send("POST", "/auth/signout", { headers: bearer(access) });
        await other.get("/sessioninfo", bearer(access));
    },
};
