// Codes and links by e-mail and phone: what a page sends to sign in, and what the application's own code asks.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { require, startApplication } from "./application.js";
import { Browser } from "./browser.js";
import { startCore } from "./processes.js";

const supertokens = require("supertokens-node");
const EmailVerification = require("supertokens-node/recipe/emailverification");
const Passwordless = require("supertokens-node/recipe/passwordless");
const Session = require("supertokens-node/recipe/session");

// The database may have been in use before.
const unique = `${Date.now()}`;
const tenantId = "public";
const sent = [];
let core, application, numbers = 0;

before(async () => {
    core = await startCore();
    const keep = (method) => (original) => ({ ...original, [method]: async (message) => sent.push(message) });
    application = await startApplication(core, [
        Passwordless.init({
            contactMethod: "EMAIL_OR_PHONE",
            flowType: "USER_INPUT_CODE_AND_MAGIC_LINK",
            emailDelivery: { override: keep("sendEmail") },
            smsDelivery: { override: keep("sendSms") },
        }),
        EmailVerification.init({ mode: "OPTIONAL" }),
        Session.init(),
    ]);
});

after(async () => {
    application?.stop();
    await core?.stop();
});

const address = (name) => `${name}${unique}@example.com`;
/** A German mobile number that nobody has used. */
const number = () => `+49151${unique.slice(-6)}${`${++numbers}`.padStart(2, "0")}`;

/** What a page does first; answers what it got, and what was sent to the person. */
async function begin(browser, contact) {
    const { body } = await browser.post("/auth/signinup/code", contact);
    assert.equal(body.status, "OK", JSON.stringify(body));
    return { ...body, message: sent.at(-1) };
}

const entry = ({ deviceId, preAuthSessionId }, userInputCode) => ({ deviceId, preAuthSessionId, userInputCode });

/** What the page that a link leads to sends. */
function link({ message }) {
    const url = new URL(message.urlWithLinkCode);
    return { preAuthSessionId: url.searchParams.get("preAuthSessionId"), linkCode: url.hash.slice(1) };
}

test("whoever enters the code that came by e-mail is signed in", async () => {
    const email = address("ann");
    for (const isNew of [true, false]) {
        const browser = new Browser(application.url, "header");
        const begun = await begin(browser, { email });
        assert.equal(begun.flowType, "USER_INPUT_CODE_AND_MAGIC_LINK");
        assert.equal(begun.message.email, email);
        assert.match(begun.message.userInputCode, /^\d{6}$/);
        const { body } = await browser.post("/auth/signinup/code/consume", entry(begun, begun.message.userInputCode));
        assert.equal(body.status, "OK", JSON.stringify(body));
        assert.equal(body.createdNewRecipeUser, isNew);
        assert.deepEqual(body.user.emails, [email]);
        assert.equal(body.user.loginMethods[0].verified, true);
        assert.deepEqual((await browser.get("/sessioninfo")).body, { userId: body.user.id, tenantId });
        const again = await browser.post("/auth/signinup/code/consume", entry(begun, begun.message.userInputCode));
        assert.equal(again.body.status, "RESTART_FLOW_ERROR");
        assert.equal(await EmailVerification.isEmailVerified(supertokens.convertToRecipeUserId(body.user.id)), true);
    }
});

test("whoever follows the link that came by phone is signed in", async () => {
    const phoneNumber = number();
    const spaced = phoneNumber.replace("+49", "+49 (0)");
    const browser = new Browser(application.url, "cookie");
    const begun = await begin(browser, { phoneNumber: spaced });
    assert.equal(begun.message.phoneNumber, phoneNumber);
    const { body } = await browser.post("/auth/signinup/code/consume", link(begun));
    assert.equal(body.status, "OK", JSON.stringify(body));
    assert.deepEqual(body.user.phoneNumbers, [phoneNumber]);
    assert.deepEqual((await browser.get("/sessioninfo")).body, { userId: body.user.id, tenantId });
    assert.equal((await browser.post("/auth/signinup/code/consume", link(begun))).body.status, "RESTART_FLOW_ERROR");
    for (const written of [phoneNumber, spaced]) {
        const found = await supertokens.listUsersByAccountInfo(tenantId, { phoneNumber: written });
        assert.deepEqual(found.map(({ id }) => id), [body.user.id]);
        const exists = await browser.get(`/auth/passwordless/phonenumber/exists?phoneNumber=${encodeURIComponent(written)}`);
        assert.deepEqual(exists.body, { status: "OK", exists: true });
    }
});

test("wrong codes are counted, and a code that is sent again works", async () => {
    const browser = new Browser(application.url, "header");
    const begun = await begin(browser, { email: address("bob") });
    for (const count of [1, 2]) {
        const { body } = await browser.post("/auth/signinup/code/consume", entry(begun, "wrong"));
        assert.deepEqual(body, { status: "INCORRECT_USER_INPUT_CODE_ERROR", failedCodeInputAttemptCount: count, maximumCodeInputAttempts: 5 });
    }
    const resent = await browser.post("/auth/signinup/code/resend", entry(begun));
    assert.deepEqual(resent.body, { status: "OK" });
    const { body } = await browser.post("/auth/signinup/code/consume", entry(begun, sent.at(-1).userInputCode));
    assert.equal(body.status, "OK", JSON.stringify(body));

    const other = await begin(browser, { email: address("bob") });
    const words = [];
    for (let i = 0; i < 6; i++) words.push((await browser.post("/auth/signinup/code/consume", entry(other, "wrong"))).body.status);
    assert.deepEqual(words, [...Array(4).fill("INCORRECT_USER_INPUT_CODE_ERROR"), "RESTART_FLOW_ERROR", "RESTART_FLOW_ERROR"]);
    assert.deepEqual((await browser.post("/auth/signinup/code/resend", entry(other))).body, { status: "RESTART_FLOW_ERROR" });
});

test("the application's own code makes, checks, uses up, lists and revokes codes", async () => {
    const email = address("eve");
    const made = await Passwordless.createCode({ email, userInputCode: "secret", tenantId });
    assert.equal(made.userInputCode, "secret");
    const clash = await Passwordless.createNewCodeForDevice({ deviceId: made.deviceId, userInputCode: "secret", tenantId });
    assert.equal(clash.status, "USER_INPUT_CODE_ALREADY_USED_ERROR");
    const further = await Passwordless.createNewCodeForDevice({ deviceId: made.deviceId, tenantId });
    assert.equal(further.status, "OK");

    const { preAuthSessionId, deviceId } = made;
    const [device] = await Passwordless.listCodesByEmail({ email, tenantId });
    assert.deepEqual(device.codes.map(({ codeId }) => codeId).sort(), [made.codeId, further.codeId].sort());
    assert.deepEqual(await Passwordless.listCodesByDeviceId({ deviceId, tenantId }), device);
    assert.deepEqual(await Passwordless.listCodesByPreAuthSessionId({ preAuthSessionId, tenantId }), device);
    await Passwordless.revokeCode({ codeId: further.codeId, tenantId });
    assert.equal((await Passwordless.listCodesByDeviceId({ deviceId, tenantId })).codes.length, 1);

    const consumedDevice = { preAuthSessionId, failedCodeInputAttemptCount: 0, email };
    const proof = { preAuthSessionId, linkCode: made.linkCode, tenantId };
    assert.deepEqual(await Passwordless.checkCode(proof), { status: "OK", consumedDevice });
    const consumed = await Passwordless.consumeCode(proof);
    assert.deepEqual([consumed.status, consumed.createdNewRecipeUser, consumed.consumedDevice], ["OK", true, consumedDevice]);
    assert.deepEqual(await Passwordless.checkCode(proof), { status: "RESTART_FLOW_ERROR" });

    for (const revoke of [
        () => Passwordless.revokeAllCodes({ email, tenantId }),
        ({ preAuthSessionId }) => Passwordless.revokeCode({ preAuthSessionId, tenantId }),
    ]) {
        await revoke(await Passwordless.createCode({ email, tenantId }));
        assert.deepEqual(await Passwordless.listCodesByEmail({ email, tenantId }), []);
    }
    const phoneNumber = number();
    await Passwordless.createCode({ phoneNumber, tenantId });
    assert.equal((await Passwordless.listCodesByPhoneNumber({ phoneNumber, tenantId })).length, 1);
});

test("a link that the application makes itself works once, however many follow it", async () => {
    const url = new URL(await Passwordless.createMagicLink({ email: address("lee"), tenantId }));
    const proof = { preAuthSessionId: url.searchParams.get("preAuthSessionId"), linkCode: url.hash.slice(1), tenantId };
    const all = await Promise.all(Array.from({ length: 20 }, () => Passwordless.consumeCode(proof)));
    assert.deepEqual(all.map(({ status }) => status).sort(), ["OK", ...Array(19).fill("RESTART_FLOW_ERROR")]);
});

test("address and number are changed, added and taken away", async () => {
    const [kim, lou] = await Promise.all(["kim", "lou"].map((name) => Passwordless.signInUp({ email: address(name), tenantId })));
    const { recipeUserId } = kim;
    const shown = async () => {
        const { emails, phoneNumbers } = await supertokens.getUser(kim.user.id);
        return [emails, phoneNumbers];
    };
    const phoneNumber = number();
    const change = (fields) => Passwordless.updateUser({ recipeUserId, ...fields });
    assert.deepEqual(await change({ phoneNumber }), { status: "OK" });
    assert.deepEqual(await shown(), [[address("kim")], [phoneNumber]]);
    assert.deepEqual(await change({ email: address("lou") }), { status: "EMAIL_ALREADY_EXISTS_ERROR" });
    assert.deepEqual(await Passwordless.updateUser({ recipeUserId: lou.recipeUserId, phoneNumber }), { status: "PHONE_NUMBER_ALREADY_EXISTS_ERROR" });
    assert.deepEqual(await change({ email: null }), { status: "OK" });
    assert.deepEqual(await shown(), [[], [phoneNumber]]);
    await assert.rejects(change({ phoneNumber: null }), /You cannot clear both email and phone number of a user/);
    const unknown = await Passwordless.updateUser({ recipeUserId: supertokens.convertToRecipeUserId("nobody"), email: address("x") });
    assert.deepEqual(unknown, { status: "UNKNOWN_USER_ID_ERROR" });
    assert.equal((await supertokens.deleteUser(kim.user.id)).status, "OK");
    assert.equal((await Passwordless.signInUp({ phoneNumber, tenantId })).createdNewRecipeUser, true);
});
