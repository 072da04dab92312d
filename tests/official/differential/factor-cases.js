// What is asked of the applications where users sign in in several steps, and where login methods with the same
// proven address are linked.
import { createHmac } from "node:crypto";
import { Authenticator } from "./authenticator.js";
import { bearer, form, password, tokensOf, website } from "./application.js";
import { entered, followed, person, throughProvider } from "./recipe-cases.js";

const link = { shouldTryLinkingWithSessionUser: true };
const create = "/auth/signinup/code";
const consume = "/auth/signinup/code/consume";
const info = (app, session) => app.send("PUT", "/auth/mfa/info", { headers: session });

/** The code that an authenticator shows, so many periods from now. */
function code(secret, periods = 0) {
    const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
    const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + periods));
    const digest = createHmac("sha1", key).update(counter).digest();
    const offset = digest[19] & 15;
    return `${(digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000}`.padStart(6, "0");
}

/** The session of a user who has proven the address, and the user. */
async function proven(app) {
    const { email, access, userId } = await app.signUp();
    await app.send("POST", "/auth/user/email/verify/token", { headers: bearer(access) });
    const { link } = await app.sent(email);
    await app.post("/auth/user/email/verify", { method: "token", token: new URL(link).searchParams.get("token") });
    const answer = await app.post("/auth/signin", form({ email, password }), { "st-auth-mode": "header" });
    return { email, userId, session: bearer(tokensOf(answer).access) };
}

export const cases = {
    "codes of an authenticator app": async (app) => {
        const { session } = await proven(app);
        const device = (path, body, headers = session) => app.post(`/auth/totp/device${path}`, body, headers);
        await app.get("/auth/totp/device/list", session);
        const { body } = await device("", { deviceName: "phone" });
        await device("", { deviceName: "phone" });
        await device("", {});
        for (const totp of ["wrong", ""]) await device("/verify", { deviceName: "phone", totp });
        await device("/verify", { deviceName: "none", totp: "123456" });
        await device("/verify", { deviceName: "phone", totp: code(body.secret) });
        await device("/verify", { deviceName: "phone", totp: "wrong" });
        await app.get("/auth/totp/device/list", session);
        await info(app, session);
        await app.post("/auth/totp/verify", { totp: "wrong" }, session);
        await app.post("/auth/totp/verify", { totp: code(body.secret, 1) }, session);
        for (const deviceName of ["phone", "phone", "none"]) await device("/remove", { deviceName });
        await app.post("/auth/totp/verify", { totp: "123456" }, session);
        for (const path of ["", "/verify", "/remove"]) await device(path, { deviceName: "phone", totp: "123456" }, {});
        await app.get("/auth/totp/device/list");
        await app.post("/auth/totp/verify", { totp: "123456" });
    },

    "TOTP calls that are none": async (app) => {
        const { session } = await proven(app);
        for (const path of ["/auth/totp/device", "/auth/totp/device/verify", "/auth/totp/device/remove", "/auth/totp/verify"]) {
            for (const body of [{}, { deviceName: 1, totp: "1" }, { deviceName: "x", totp: 1 }, { deviceName: null, totp: null }]) await app.post(path, body, session);
        }
    },

    "too many wrong codes of an authenticator app": async (app) => {
        const { session } = await proven(app);
        await app.post("/auth/totp/device", { deviceName: "phone" }, session);
        for (let i = 0; i < 6; i++) await app.post("/auth/totp/device/verify", { deviceName: "phone", totp: `wrong${i}` }, session);
    },

    "what factors there are": async (app) => {
        await info(app, {});
        const { access, email } = await app.signUp();
        await info(app, bearer(access));
        const { session } = await proven(app);
        await info(app, session);
        await app.get("/auth/loginmethods");
        const cookie = await app.post("/auth/signin", form({ email, password }), { "st-auth-mode": "cookie" });
        await app.send("PUT", "/auth/mfa/info", { headers: { cookie: `sAccessToken=${cookie.cookies.sAccessToken}` } });
    },

    "a code as a second factor": async (app) => {
        const { session, email } = await proven(app);
        const number = app.number();
        for (const contact of [{ phoneNumber: number }, { email }]) {
            const device = await app.post(create, { ...contact, ...link }, session);
            const message = await app.sent(contact.email ?? number);
            await app.post(consume, { ...entered(device, message), userInputCode: "wrong", ...link }, session);
            await app.post(`${create}/resend`, { preAuthSessionId: device.body.preAuthSessionId, deviceId: device.body.deviceId, ...link }, session);
            await app.post(consume, { ...entered(device, await app.sent(contact.email ?? number)), ...link }, session);
            await info(app, session);
        }
    },

    "factors that a tenant requires": async (app, core) => {
        await core.tenant("t2", { firstFactors: ["emailpassword"], requiredSecondaryFactors: ["totp", "otp-email"] });
        const email = app.address();
        const made = await app.post("/auth/t2/signup", form({ email, password }), { "st-auth-mode": "header" });
        const session = bearer(tokensOf(made).access);
        await app.get("/sessioninfo", session);
        await info(app, session);
        const { body } = await app.post("/auth/totp/device", {}, session);
        if (body.status === "OK") await app.post("/auth/totp/device/verify", { deviceName: body.deviceName, totp: code(body.secret) }, session);
        await info(app, session);
        await app.get("/sessioninfo", session);
        await app.get("/auth/t2/loginmethods");
        await app.post("/auth/t2/signinup/code", { email: app.address() });
    },

    "an address that is proven by several login methods": async (app, core, other, provider) => {
        const { email, userId } = await proven(app);
        await throughProvider(app, provider, person(app, { email }));
        const device = await app.post(create, { email });
        await app.post(consume, entered(device, await app.sent(email)));
        await app.post("/auth/signin", form({ email, password }));
        const { body } = await app.post("/auth/signin", form({ email, password }), { "fdi-version": "1.17" });
        if (body.user.id !== userId) throw new Error("another user");
        await app.post("/auth/user/password/reset/token", form({ email }));
        const reset = new URL((await app.sent(email)).link).searchParams.get("token");
        await app.post("/auth/user/password/reset", { ...form({ password: "other-Secret-1" }), token: reset });
        await app.post("/auth/signin", form({ email, password: "other-Secret-1" }));
    },

    "an address that nobody has proven": async (app, core, other, provider) => {
        // Somebody signs up with another person's address first, and then this one comes.
        const { email } = await app.signUp();
        await throughProvider(app, provider, person(app, { email }));
        await throughProvider(app, provider, person(app, { email, email_verified: false }));
        await app.post(create, { email });
        await app.post("/auth/signin", form({ email, password }));
        await app.post("/auth/user/password/reset/token", form({ email }));
        const { link } = await app.sent(email);
        await app.post("/auth/user/password/reset", { ...form({ password: "other-Secret-1" }), token: new URL(link).searchParams.get("token") });
        await app.post("/auth/signin", form({ email, password: "other-Secret-1" }));
        // A provider's user was there first.
        const known = person(app);
        await throughProvider(app, provider, known);
        await app.post("/auth/signup", form({ email: known.email, password }));
        await throughProvider(app, provider, { ...person(app), email: known.email, email_verified: false });
        // One whose address the provider has not verified.
        const unknown = person(app, { email_verified: false });
        await throughProvider(app, provider, unknown);
        await app.post("/auth/signup", form({ email: unknown.email, password }));
    },

    "an address that is proven in another browser": async (app, core) => {
        const email = app.address();
        // Somebody from before linking was switched on.
        await core.call("/recipe/signinup", { thirdPartyId: "google", thirdPartyUserId: email, email: { id: email, isVerified: true } });
        const made = await app.post("/auth/signup", form({ email, password }), { "st-auth-mode": "header" });
        const session = bearer(tokensOf(made).access);
        await app.send("POST", "/auth/user/email/verify/token", { headers: session });
        const { link } = await app.sent(email);
        await app.post("/auth/user/email/verify", { method: "token", token: new URL(link).searchParams.get("token") });
        await app.get("/auth/user/email/verify", session);
    },

    "login methods that are added to the session's user": async (app, core, other, provider) => {
        const { session } = await proven(app);
        const bob = await proven(app);
        await app.post("/auth/signup", { ...form({ email: app.address(), password }), ...link }, session);
        await app.post("/auth/signin", { ...form({ email: bob.email, password }), ...link }, session);
        await app.post("/auth/signin", { ...form({ email: bob.email, password: "wrong-Secret-1" }), ...link }, session);
        await throughProvider(app, provider, person(app), link, session);
        await throughProvider(app, provider, person(app, { email_verified: false }), link, session);
        await throughProvider(app, provider, person(app, { email: bob.email }), link, session);
        const unproven = await app.signUp();
        await throughProvider(app, provider, person(app), link, bearer(unproven.access));
        const authenticator = new Authenticator(website);
        const { body } = await app.post("/auth/webauthn/options/register", { email: app.address() });
        await app.post("/auth/webauthn/signup", { webauthnGeneratedOptionsId: body.webauthnGeneratedOptionsId, credential: authenticator.create(body), ...link }, session);
        for (const headers of [{}, bearer("garbage")]) await app.post("/auth/signup", { ...form({ email: app.address(), password }), ...link }, headers);
        await info(app, session);
    },

    "a link that is opened with somebody's session": async (app) => {
        for (const version of ["3.0", "4.2"]) {
            const { session } = await proven(app);
            const stranger = app.address();
            await app.post(create, { email: stranger });
            await app.post(consume, followed(await app.sent(stranger)), { "fdi-version": version, ...session });
        }
    },
};
