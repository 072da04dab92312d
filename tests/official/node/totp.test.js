// A second factor: one-time codes, as the SDK's MFA recipe asks for them and the core counts and checks them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { require, startApplication } from "./application.js";
import { code, wrongCode } from "./authenticator.js";
import { Browser, claimsOf, form } from "./browser.js";
import { startCore } from "./processes.js";

const supertokens = require("supertokens-node");
const EmailPassword = require("supertokens-node/recipe/emailpassword");
const MultiFactorAuth = require("supertokens-node/recipe/multifactorauth");
const Multitenancy = require("supertokens-node/recipe/multitenancy");
const Session = require("supertokens-node/recipe/session");
const Totp = require("supertokens-node/recipe/totp");
const UserMetadata = require("supertokens-node/recipe/usermetadata");

const password = "a-Secret-1";
// The database may have been in use before.
const unique = `${Date.now()}`;
const tenant = `t${unique}`;
let core, application, users = 0;

before(async () => {
    core = await startCore();
    application = await startApplication(core, [EmailPassword.init(), MultiFactorAuth.init(), Totp.init({ issuer: "Tests" }), UserMetadata.init(), Session.init()]);
    await Multitenancy.createOrUpdateTenant(tenant, { firstFactors: ["emailpassword"], requiredSecondaryFactors: ["totp"] });
});

after(async () => {
    application?.stop();
    await core?.stop();
});

async function signedUp() {
    const email = `user${++users}.${unique}@example.com`;
    const browser = new Browser(application.url, "header");
    const { body } = await browser.post(`/auth/${tenant}/signup`, form({ email, password }));
    assert.equal(body.status, "OK", JSON.stringify(body));
    return { browser, email, id: body.user.id };
}

async function signedIn(email) {
    const browser = new Browser(application.url, "header");
    assert.equal((await browser.post(`/auth/${tenant}/signin`, form({ email, password }))).body.status, "OK");
    return browser;
}

const mfa = (browser) => claimsOf(browser.accessToken())["st-mfa"];

/** A user with a verified device. */
async function withDevice() {
    const user = await signedUp();
    const { body: device } = await user.browser.post("/auth/totp/device", { deviceName: "phone" });
    assert.equal(device.status, "OK", JSON.stringify(device));
    const { body } = await user.browser.post("/auth/totp/device/verify", { deviceName: "phone", totp: code(device.secret) });
    assert.deepEqual(body, { status: "OK", wasAlreadyVerified: false });
    return { ...user, device };
}

test("who has no second factor yet sets one up before anything else", async () => {
    const { browser, id, email } = await signedUp();
    assert.equal(mfa(browser).v, false);
    const refused = await browser.get("/sessioninfo");
    assert.equal(refused.status, 403);
    assert.equal(refused.body.claimValidationErrors[0].id, "st-mfa");
    const { body: info } = await browser.request("PUT", "/auth/mfa/info");
    assert.deepEqual(info.factors.next, ["totp"]);
    assert.deepEqual(info.factors.alreadySetup, ["emailpassword"]);

    const { body: device } = await browser.post("/auth/totp/device", {});
    assert.equal(device.status, "OK");
    assert.equal(device.deviceName, "TOTP Device 0");
    assert.equal(device.qrCodeString, `otpauth://totp/Tests:${encodeURI(email)}?secret=${device.secret}&issuer=Tests&digits=6&period=30`);
    const verify = async (totp) => (await browser.post("/auth/totp/device/verify", { deviceName: device.deviceName, totp })).body;
    assert.deepEqual(await verify(wrongCode(device.secret)), { status: "INVALID_TOTP_ERROR", currentNumberOfFailedAttempts: 1, maxNumberOfFailedAttempts: 5 });
    assert.deepEqual(await verify(code(device.secret)), { status: "OK", wasAlreadyVerified: false });
    assert.equal(mfa(browser).v, true);
    assert.deepEqual((await browser.get("/sessioninfo")).body, { userId: id, tenantId: tenant });
    assert.deepEqual((await browser.get("/auth/totp/device/list")).body, {
        status: "OK",
        devices: [{ name: "TOTP Device 0", period: 30, skew: 1, verified: true }],
    });
});

test("who has one shows a code at each sign-in, and each code once", async () => {
    const { email, device } = await withDevice();
    const browser = await signedIn(email);
    assert.equal((await browser.get("/sessioninfo")).status, 403);
    const verify = async (totp) => (await browser.post("/auth/totp/verify", { totp })).body;
    // The code of the device's verification was used; the next period's counts already.
    const next = code(device.secret, 1);
    assert.deepEqual(await verify(next), { status: "OK" });
    assert.equal(mfa(browser).v, true);
    assert.equal((await browser.get("/sessioninfo")).status, 200);
    const elsewhere = await signedIn(email);
    const replay = (await elsewhere.post("/auth/totp/verify", { totp: next })).body;
    assert.deepEqual(replay, { status: "INVALID_TOTP_ERROR", currentNumberOfFailedAttempts: 1, maxNumberOfFailedAttempts: 5 });
    assert.equal((await elsewhere.get("/sessioninfo")).status, 403);
});

test("one code shown many times at once lets one in", async () => {
    const { email, device } = await withDevice();
    const browsers = await Promise.all(Array.from({ length: 4 }, () => signedIn(email)));
    const totp = code(device.secret, 1);
    const words = await Promise.all(browsers.map(async (browser) => (await browser.post("/auth/totp/verify", { totp })).body.status));
    assert.deepEqual(words.sort(), ["INVALID_TOTP_ERROR", "INVALID_TOTP_ERROR", "INVALID_TOTP_ERROR", "OK"]);
});

test("after five wrong codes a right one has to wait", async () => {
    const { email, device } = await withDevice();
    const browser = await signedIn(email);
    const verify = async (totp) => (await browser.post("/auth/totp/verify", { totp })).body;
    for (let number = 1; number <= 5; number++) {
        const { status, currentNumberOfFailedAttempts } = await verify(wrongCode(device.secret));
        assert.deepEqual([status, currentNumberOfFailedAttempts], ["INVALID_TOTP_ERROR", number]);
    }
    const limited = await verify(code(device.secret, 1));
    assert.equal(limited.status, "LIMIT_REACHED_ERROR");
    assert.ok(limited.retryAfterMs > 890_000 && limited.retryAfterMs <= 900_000, `${limited.retryAfterMs}`);
    assert.equal((await browser.get("/sessioninfo")).status, 403);
});

test("the application's own code handles devices", async () => {
    const { id, device } = await withDevice();
    assert.equal((await Totp.createDevice(id, undefined, "phone")).status, "DEVICE_ALREADY_EXISTS_ERROR");
    const second = await Totp.createDevice(id, undefined, "watch", 0, 60);
    assert.equal(second.status, "OK");
    assert.equal((await Totp.updateDevice(id, "watch", "phone")).status, "DEVICE_ALREADY_EXISTS_ERROR");
    assert.equal((await Totp.updateDevice(id, "none", "x")).status, "UNKNOWN_DEVICE_ERROR");
    assert.equal((await Totp.updateDevice(id, "watch", "clock")).status, "OK");
    assert.deepEqual((await Totp.listDevices(id)).devices, [
        { name: "phone", period: 30, skew: 1, verified: true },
        { name: "clock", period: 60, skew: 0, verified: false },
    ]);
    assert.equal((await Totp.verifyDevice(tenant, id, "none", "000000")).status, "UNKNOWN_DEVICE_ERROR");
    assert.equal((await Totp.verifyTOTP(tenant, "nobody", "000000")).status, "UNKNOWN_USER_ID_ERROR");
    assert.deepEqual(await Totp.verifyTOTP("public", id, code(device.secret)), { status: "OK" }, "codes are used in each tenant by itself");
    assert.deepEqual(await Totp.removeDevice(id, "clock"), { status: "OK", didDeviceExist: true });
    assert.deepEqual(await Totp.removeDevice(id, "clock"), { status: "OK", didDeviceExist: false });
    await supertokens.deleteUser(id);
    assert.deepEqual((await Totp.listDevices(id)).devices, []);
});
