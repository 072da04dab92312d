// What a user does in a browser or an app, through the unmodified example application.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Browser, claimsOf, form, frontTokenOf, parseCookie } from "./browser.js";
import { startCore, startExample } from "./processes.js";

const password = "a-Secret-1";
let core, example, users = 0;

before(async () => {
    core = await startCore();
    example = await startExample(core);
});

after(async () => {
    await example?.stop();
    await core?.stop();
});

const newEmail = () => `user${++users}.${Date.now()}@example.com`;

for (const mode of ["cookie", "header"]) {
    describe(`${mode} mode`, () => {
        const newBrowser = () => new Browser(example.url, mode);
        const signedUp = async (email = newEmail()) => {
            const browser = newBrowser();
            const { body } = await browser.signUp(email, password);
            assert.equal(body.status, "OK");
            return { browser, email, user: body.user };
        };
        const assertSignedOut = (browser, response) => {
            assert.equal(response.headers.get("front-token"), "remove");
            assert.equal(browser.accessToken(), "");
            assert.equal(browser.refreshToken(), "");
        };
        const assertRefreshUnauthorised = async (browser) => {
            const response = await browser.refresh();
            assert.equal(response.status, 401);
            assert.deepEqual(response.body, { message: "unauthorised" });
            assertSignedOut(browser, response);
        };

        test("sign-up makes the user and signs it in", async () => {
            const email = newEmail();
            const browser = newBrowser();
            const { status, headers, body } = await browser.signUp(email.toUpperCase(), password);
            assert.equal(status, 200);
            assert.equal(body.status, "OK");
            const { user } = body;
            assert.match(user.id, /^[0-9a-f-]{36}$/);
            assert.equal(user.isPrimaryUser, false);
            assert.deepEqual(user.tenantIds, ["public"]);
            assert.deepEqual(user.emails, [email]);
            assert.deepEqual(user.phoneNumbers, []);
            assert.deepEqual(user.thirdParty, []);
            assert.ok(Math.abs(Date.now() - user.timeJoined) < 60_000);
            assert.deepEqual(user.loginMethods, [
                { tenantIds: ["public"], recipeUserId: user.id, verified: false, timeJoined: user.timeJoined, recipeId: "emailpassword", email },
            ]);
            const front = frontTokenOf({ headers });
            assert.equal(front.uid, user.id);
            assert.equal(front.up.sub, user.id);
            assert.deepEqual(claimsOf(browser.accessToken()), front.up);
            const cookies = Object.fromEntries(headers.getSetCookie().map(parseCookie).map((cookie) => [cookie.name, cookie]));
            if (mode === "cookie") {
                assert.deepEqual(Object.keys(cookies).sort(), ["sAccessToken", "sRefreshToken"]);
                for (const cookie of Object.values(cookies)) assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "lax"]);
                assert.equal(cookies.sAccessToken.path, "/");
                assert.equal(cookies.sRefreshToken.path, "/auth/session/refresh");
                const hundredDays = 100 * 24 * 3600 * 1000;
                assert.ok(Math.abs(cookies.sRefreshToken.expires - Date.now() - hundredDays) < 60_000);
            } else {
                assert.deepEqual(cookies, {});
                assert.ok(headers.get("st-refresh-token"));
            }
        });

        test("an e-mail address that is taken cannot sign up again, in any spelling", async () => {
            const { email } = await signedUp();
            for (const spelling of [email, email.toUpperCase(), ` ${email} `]) {
                const { status, body, headers } = await newBrowser().signUp(spelling, "another-Secret-2");
                assert.equal(status, 200);
                assert.deepEqual(body, {
                    status: "FIELD_ERROR",
                    formFields: [{ id: "email", error: "This email already exists. Please sign in instead." }],
                });
                assert.equal(headers.get("front-token"), null);
            }
            assert.equal((await newBrowser().signIn(email, password)).body.status, "OK");
        });

        test("twenty sign-ups of one address at once make one user", async () => {
            const email = newEmail();
            const answers = await Promise.all(Array.from({ length: 20 }, () => newBrowser().signUp(email, password)));
            const statuses = answers.map(({ body }) => body.status).sort();
            assert.deepEqual(statuses, [...Array(19).fill("FIELD_ERROR"), "OK"]);
        });

        test("whether an address is taken can be asked", async () => {
            const { email } = await signedUp();
            const exists = async (address) => (await newBrowser().get(`/auth/emailpassword/email/exists?email=${address}`)).body;
            assert.deepEqual(await exists(email), { status: "OK", exists: true });
            assert.deepEqual(await exists(newEmail()), { status: "OK", exists: false });
        });

        test("a wrong password and an unknown address are refused alike", async () => {
            const { email } = await signedUp();
            for (const [address, secret] of [[email, "not-the-Secret-1"], [newEmail(), password]]) {
                const { status, body, headers } = await newBrowser().signIn(address, secret);
                assert.equal(status, 200);
                assert.deepEqual(body, { status: "WRONG_CREDENTIALS_ERROR" });
                assert.equal(headers.get("front-token"), null);
            }
        });

        test("sign-in gives a session of its own on each device", async () => {
            const { browser: first, email, user } = await signedUp();
            const second = newBrowser();
            const { body } = await second.signIn(email.toUpperCase(), password);
            assert.deepEqual(body, { status: "OK", user });
            const handles = [];
            for (const browser of [first, second]) handles.push((await browser.get("/sessioninfo")).body.sessionHandle);
            assert.notEqual(handles[0], handles[1]);
            await first.post("/auth/signout");
            assert.equal((await second.refresh()).status, 200);
        });

        test("the protected route knows who asks", async () => {
            const { browser, user } = await signedUp();
            const { status, body } = await browser.get("/sessioninfo");
            assert.equal(status, 200);
            assert.equal(body.userId, user.id);
            assert.match(body.sessionHandle, /^[0-9a-f-]{36}$/);
            const { iat, exp, refreshTokenHash1, ...claims } = body.accessTokenPayload;
            assert.match(refreshTokenHash1, /^[0-9a-f]{64}$/);
            assert.ok(exp - iat <= 3600 && exp - iat >= 3600 * 0.95 - 1, `a lifetime of ${exp - iat} s`);
            for (const claim of ["st-ev", "st-role", "st-perm"]) claims[claim] = claims[claim].v;
            assert.deepEqual(claims, {
                sub: user.id,
                rsub: user.id,
                tId: "public",
                iss: `${example.url}/auth`,
                sessionHandle: body.sessionHandle,
                parentRefreshTokenHash1: null,
                antiCsrfToken: null,
                "st-ev": false,
                "st-role": [],
                "st-perm": [],
            });
        });

        test("the protected route refuses who has no session", async () => {
            const nobody = await newBrowser().get("/sessioninfo");
            assert.equal(nobody.status, 401);
            assert.deepEqual(nobody.body, { message: "unauthorised" });

            const { browser } = await signedUp();
            const [head, claims, signature] = browser.accessToken().split(".");
            const forged = { ...JSON.parse(Buffer.from(claims, "base64url")), sub: "somebody-else" };
            const token = [head, Buffer.from(JSON.stringify(forged)).toString("base64url"), signature].join(".");
            if (mode === "cookie") browser.cookies.get("sAccessToken").value = token;
            else browser.tokens.access = token;
            const { status, body } = await browser.get("/sessioninfo");
            assert.equal(status, 401);
            assert.deepEqual(body, { message: "try refresh token" });
        });

        test("refresh replaces both tokens and keeps the session", async () => {
            const { browser } = await signedUp();
            const before_ = (await browser.get("/sessioninfo")).body;
            const old = browser.copy();
            const { status, body } = await browser.refresh();
            assert.equal(status, 200);
            assert.deepEqual(body, {});
            assert.notEqual(browser.accessToken(), old.accessToken());
            assert.notEqual(browser.refreshToken(), old.refreshToken());
            const after_ = await browser.get("/sessioninfo");
            assert.equal(after_.status, 200);
            assert.equal(after_.body.sessionHandle, before_.sessionHandle);
            assert.equal(after_.body.userId, before_.userId);
            assert.equal(claimsOf(browser.accessToken()).parentRefreshTokenHash1, null, "the first use of a refreshed session confirms it");
        });

        test("a refresh whose answer got lost can be made again", async () => {
            const { browser } = await signedUp();
            const lost = browser.copy();
            assert.equal((await lost.refresh()).status, 200);
            assert.equal((await browser.refresh()).status, 200);
            assert.equal((await browser.get("/sessioninfo")).status, 200);
            assert.equal((await browser.refresh()).status, 200);
        });

        test("a replayed old refresh token is theft and ends the session", async () => {
            const { browser } = await signedUp();
            const thief = browser.copy();
            await browser.refresh();
            assert.equal((await browser.get("/sessioninfo")).status, 200);
            const { status, body, headers } = await thief.refresh();
            assert.equal(status, 401);
            assert.deepEqual(body, { message: "token theft detected" });
            assertSignedOut(thief, { headers });
            await assertRefreshUnauthorised(browser);
        });

        test("a refresh token that the core never made is refused", async () => {
            const { browser } = await signedUp();
            if (mode === "cookie") browser.cookies.get("sRefreshToken").value = "made-up";
            else browser.tokens.refresh = "made-up";
            await assertRefreshUnauthorised(browser);
        });

        test("sign-out ends the session", async () => {
            const { browser } = await signedUp();
            const kept = browser.copy();
            const response = await browser.post("/auth/signout");
            assert.equal(response.status, 200);
            assert.deepEqual(response.body, { status: "OK" });
            assertSignedOut(browser, response);
            assert.equal((await browser.get("/sessioninfo")).status, 401);
            await assertRefreshUnauthorised(kept);
        });

        test("a forgotten password is reset by the link, once", async () => {
            const { email } = await signedUp();
            const unknown = newEmail();
            for (const address of [unknown, email]) {
                const { body } = await newBrowser().post("/auth/user/password/reset/token", form({ email: address }));
                assert.deepEqual(body, { status: "OK" });
            }
            const link = await example.emailedLink("PASSWORD_RESET", email);
            assert.equal(link.pathname, "/auth/reset-password");
            assert.equal(await example.emailedLink("PASSWORD_RESET", unknown, 0), undefined);
            const reset = async (secret) =>
                (await newBrowser().post("/auth/user/password/reset", { method: "token", token: link.searchParams.get("token"), ...form({ password: secret }) })).body;
            assert.deepEqual(await reset("a-new-Secret-2"), { status: "OK" });
            assert.deepEqual(await reset("a-third-Secret-3"), { status: "RESET_PASSWORD_INVALID_TOKEN_ERROR" });
            assert.equal((await newBrowser().signIn(email, password)).body.status, "WRONG_CREDENTIALS_ERROR");
            const { body } = await newBrowser().signIn(email, "a-new-Secret-2");
            assert.equal(body.status, "OK");
            assert.equal(body.user.loginMethods[0].verified, true, "who could read the link owns the address");
        });

        test("an e-mail address is verified by the link, once", async () => {
            const { browser, email } = await signedUp();
            assert.deepEqual((await browser.get("/auth/user/email/verify")).body, { status: "OK", isVerified: false });
            assert.deepEqual((await browser.post("/auth/user/email/verify/token")).body, { status: "OK" });
            const link = await example.emailedLink("EMAIL_VERIFICATION", email);
            assert.equal(link.pathname, "/auth/verify-email");
            const verify = async () => (await browser.post("/auth/user/email/verify", { method: "token", token: link.searchParams.get("token") })).body;
            assert.deepEqual(await verify(), { status: "OK" });
            assert.deepEqual(await verify(), { status: "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR" });
            assert.deepEqual((await browser.get("/auth/user/email/verify")).body, { status: "OK", isVerified: true });
            assert.deepEqual((await browser.post("/auth/user/email/verify/token")).body, { status: "EMAIL_ALREADY_VERIFIED_ERROR" });
            assert.equal((await browser.get("/sessioninfo")).body.accessTokenPayload["st-ev"].v, true);
        });
    });
}

test("users and sessions outlive a restart of the core", async () => {
    const browser = new Browser(example.url, "cookie");
    const email = newEmail();
    await browser.signUp(email, password);
    await core.restart();
    assert.equal((await browser.get("/sessioninfo")).status, 200);
    assert.equal((await browser.refresh()).status, 200);
    assert.equal((await browser.get("/sessioninfo")).status, 200);
    assert.equal((await new Browser(example.url, "header").signIn(email, password)).body.status, "OK");
});
