// First and second factors that the core keeps for a tenant, of recipes that are factors and ways to log in alike.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { require, startApplication } from "./application.js";
import { Browser } from "./browser.js";
import { startCore } from "./processes.js";

const AccountLinking = require("supertokens-node/recipe/accountlinking");
const EmailPassword = require("supertokens-node/recipe/emailpassword");
const MultiFactorAuth = require("supertokens-node/recipe/multifactorauth");
const Multitenancy = require("supertokens-node/recipe/multitenancy");
const Passwordless = require("supertokens-node/recipe/passwordless");
const Session = require("supertokens-node/recipe/session");

// The database may have been in use before.
const unique = `${Date.now()}`;
const tenant = `t${unique}`;
const sent = [];
let core, application;

before(async () => {
    core = await startCore();
    const keep = (method) => (original) => ({ ...original, [method]: async (message) => sent.push(message) });
    application = await startApplication(core, [
        EmailPassword.init(),
        Passwordless.init({
            contactMethod: "EMAIL_OR_PHONE",
            flowType: "USER_INPUT_CODE",
            emailDelivery: { override: keep("sendEmail") },
            smsDelivery: { override: keep("sendSms") },
        }),
        AccountLinking.init({ shouldDoAutomaticAccountLinking: async () => ({ shouldAutomaticallyLink: true, shouldRequireVerification: false }) }),
        MultiFactorAuth.init(),
        Multitenancy.init(),
        Session.init(),
    ]);
});

after(async () => {
    application?.stop();
    await core?.stop();
});

/** Asks for a code and enters it; with a session as a further factor. */
async function enterCode(browser, contact, shouldTryLinkingWithSessionUser) {
    const begun = await browser.post(`/auth/${tenant}/signinup/code`, { ...contact, shouldTryLinkingWithSessionUser });
    assert.equal(begun.body.status, "OK", JSON.stringify(begun.body));
    const { deviceId, preAuthSessionId } = begun.body;
    const { userInputCode } = sent.at(-1);
    const entered = { deviceId, preAuthSessionId, userInputCode, shouldTryLinkingWithSessionUser };
    const { body } = await browser.post(`/auth/${tenant}/signinup/code/consume`, entered);
    assert.equal(body.status, "OK", JSON.stringify(body));
    return body;
}

test("a tenant's factors come back as they were set, and are cleared by null", async () => {
    const shown = async () => {
        const { firstFactors, requiredSecondaryFactors } = await Multitenancy.getTenant(tenant);
        return [firstFactors?.toSorted(), requiredSecondaryFactors?.toSorted()];
    };
    const set = (factors) => Multitenancy.createOrUpdateTenant(tenant, factors);
    assert.deepEqual(await set({}), { status: "OK", createdNew: true });
    assert.deepEqual(await shown(), [[], undefined]);
    await set({ firstFactors: ["otp-email", "emailpassword"], requiredSecondaryFactors: ["totp", "otp-phone"] });
    assert.deepEqual(await shown(), [["emailpassword", "otp-email"], ["otp-phone", "totp"]]);
    await set({ firstFactors: null, requiredSecondaryFactors: null });
    assert.deepEqual(await shown(), [undefined, undefined]);
    await assert.rejects(set({ firstFactors: ["totp", "totp"] }), /firstFactors input should not contain duplicate values/);
});

test("who has entered a code by e-mail must enter one by phone, and is one user", async () => {
    await Multitenancy.createOrUpdateTenant(tenant, { firstFactors: ["otp-email"], requiredSecondaryFactors: ["otp-phone"] });
    const email = `ann${unique}@example.com`;
    const phoneNumber = `+4915${unique.slice(-9)}`;
    const form = [{ id: "email", value: email }, { id: "password", value: "password1" }];
    const stranger = await new Browser(application.url, "header").post(`/auth/${tenant}/signup`, { formFields: form });
    assert.equal(stranger.status, 401, "no first factor of the tenant");

    const browser = new Browser(application.url, "header");
    const first = await enterCode(browser, { email }, false);
    assert.equal((await browser.get("/sessioninfo")).status, 403);
    const { factors } = (await browser.request("PUT", "/auth/mfa/info")).body;
    assert.deepEqual(factors.next, ["otp-phone"]);
    const second = await enterCode(browser, { phoneNumber }, true);
    assert.equal(second.user.id, first.user.id);
    assert.deepEqual([second.user.emails, second.user.phoneNumbers], [[email], [phoneNumber]]);
    assert.deepEqual((await browser.get("/sessioninfo")).body, { userId: first.user.id, tenantId: tenant });
});
