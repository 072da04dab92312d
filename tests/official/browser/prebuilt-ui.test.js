// Every way of signing in, as a person sees it: the unmodified supertokens-auth-react on examples/react-prebuilt-ui,
// in Chromium. SCREENSHOTS=directory keeps a picture of each step.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { chromium } from "playwright-core";
import { code, wrongCode } from "../node/authenticator.js";
import { launchOptions } from "./chromium.js";
import { Person, startExample, startProvider } from "./prebuilt-ui.js";

const password = "a-Secret-1";

let provider, example, browser;
before(async () => {
    provider = await startProvider();
    example = await startExample(provider);
    browser = await chromium.launch(launchOptions);
});
after(async () => {
    await browser?.close();
    for (const thing of [example, provider]) await thing?.stop();
});

let person;
beforeEach(async () => (person = await Person.arrives(browser, example)));
afterEach(() => person.leaves());

/** Signs up with a password; the address is still to be proven. */
async function signUp(email, tenant = "passwords") {
    await person.choose(tenant);
    await person.click("Sign Up");
    await person.sees("Already have an account?");
    await person.fill({ email, password });
    await person.submit();
}

async function proveAddress(email) {
    await person.sees("Verify your email");
    const { link } = await example.emailed("EmailVerification", email);
    await person.page.goto(link);
    await person.sees("Email Verification Successful");
    await person.picture("verified");
    await person.press("CONTINUE");
}

async function signIn(email, secret = password) {
    await person.choose("passwords");
    await person.fill({ email, password: secret });
    await person.submit();
}

async function signInByProvider() {
    await person.choose("passwords");
    await person.click("Continue with Single Sign-On");
}

describe("e-mail address and password", () => {
    it("wants the address to be proven before anything else", async () => {
        await signUp("ann@example.com");
        await person.sees("Verify your email");
        await person.picture("verify");
        await person.owes("st-ev");
        await person.page.goto(example.url);
        await person.sees("Verify your email");
        await proveAddress("ann@example.com");
        const id = await person.isIn("ann@example.com", ["emailpassword"]);
        await person.picture("home");
        await person.page.reload();
        assert.equal(await person.isIn("ann@example.com", ["emailpassword"]), id);

        await person.signOut();
        await signIn("ann@example.com", "wrong-Secret-1");
        await person.sees("Incorrect email and password combination");
        await person.picture("wrong-password");
        await person.fill({ password });
        await person.submit();
        assert.equal(await person.isIn("ann@example.com", ["emailpassword"]), id);
    });

    it("gives a forgotten password a successor", async () => {
        await signUp("bea@example.com");
        await proveAddress("bea@example.com");
        await person.isIn("bea@example.com", ["emailpassword"]);
        await person.signOut();
        await person.choose("passwords");
        await person.click("Forgot password?");
        // The page before it has a field of the same name.
        await person.sees("Reset your password");
        await person.fill({ email: "bea@example.com" });
        await person.submit();
        await person.sees("A password reset email has been sent to");
        const { link } = await example.emailed("PasswordReset", "bea@example.com");
        await person.page.goto(link);
        await person.fill({ password: "another-Secret-2", "confirm-password": "another-Secret-2" });
        await person.submit();
        await person.sees("Success!");
        await person.picture("password-changed");
        await signIn("bea@example.com");
        await person.sees("Incorrect email and password combination");
        await person.fill({ password: "another-Secret-2" });
        await person.submit();
        await person.isIn("bea@example.com", ["emailpassword"]);
    });
});

describe("passwordless", () => {
    it("lets in whoever enters the code", async () => {
        await person.choose("codes");
        await person.picture("codes");
        await person.fill({ email: "carl@example.com" });
        await person.submit();
        await person.sees("Enter OTP");
        const { code: sent, link } = await example.emailed("PasswordlessLogin", "carl@example.com");
        assert.equal(link, undefined, "this tenant has codes alone");
        await person.fill({ userInputCode: sent === "000000" ? "000001" : "000000" });
        await person.submit();
        await person.sees("Invalid OTP");
        await person.picture("wrong-code");
        await person.fill({ userInputCode: sent });
        await person.submit();
        // The code has proven the address.
        await person.isIn("carl@example.com", ["passwordless"]);
        await person.signOut();
    });

    it("lets in whoever follows the link, in this browser and in another one", async () => {
        await person.choose("links");
        await person.fill({ email: "dora@example.com" });
        await person.submit();
        await person.sees("Link sent!");
        await person.picture("link-sent");
        const { code: sent, link } = await example.emailed("PasswordlessLogin", "dora@example.com");
        assert.equal(sent, undefined, "this tenant has links alone");
        await person.page.goto(link);
        const id = await person.isIn("dora@example.com", ["passwordless"]);

        await person.signOut();
        await person.choose("links");
        await person.fill({ email: "dora@example.com" });
        await person.submit();
        await person.sees("Link sent!");
        const { link: second } = await example.emailed("PasswordlessLogin", "dora@example.com");
        const elsewhere = await Person.arrives(browser, example);
        await elsewhere.page.goto(second);
        await elsewhere.sees("Click the button below to log in on this device");
        await elsewhere.picture("link-elsewhere");
        await elsewhere.press("CONTINUE");
        assert.equal(await elsewhere.isIn("dora@example.com", ["passwordless"]), id);
        await elsewhere.leaves();
    });
});

describe("a provider", () => {
    it("lets in whom it vouches for", async () => {
        await provider.is({ sub: "eve", email: "eve@example.com", email_verified: true });
        await signInByProvider();
        const id = await person.isIn("eve@example.com", ["thirdparty"]);
        await person.picture("provider");
        await person.signOut();
        await signInByProvider();
        assert.equal(await person.isIn("eve@example.com", ["thirdparty"]), id);
    });

    it("leaves the proof of the address to the app where it has none", async () => {
        await provider.is({ sub: "fay", email: "fay@example.com", email_verified: false });
        await signInByProvider();
        await proveAddress("fay@example.com");
        await person.isIn("fay@example.com", ["thirdparty"]);
    });

    it("answers nobody but the browser that asked, and that one once", async () => {
        await provider.is({ sub: "nell", email: "nell@example.com", email_verified: true });
        const address = await person.isAnswered(signInByProvider);
        const other = await Person.arrives(browser, example);
        const isRefused = async (someone) => {
            await someone.page.goto(address);
            await someone.sees("Something went wrong. Please try again");
            assert.equal((await someone.me()).status, 401);
        };
        await isRefused(other);
        await other.picture("answer-of-another");
        await person.page.goto(address);
        await person.isIn("nell@example.com", ["thirdparty"]);
        await person.signOut();
        await isRefused(person);

        // Past the pages, a code wants the verifier that the browser has kept which asked for it.
        const stolen = await person.isAnswered(signInByProvider);
        const [callback, query] = stolen.split("?");
        const redirectURIInfo = { redirectURIOnProviderDashboard: callback, redirectURIQueryParams: Object.fromEntries(new URLSearchParams(query)) };
        const data = { thirdPartyId: "oidc", redirectURIInfo };
        const answer = await other.context.request.post(`${example.url}/auth/passwords/signinup`, { data });
        assert.deepEqual([answer.status(), await answer.json()], [400, { message: "The provider refuses what it is shown" }]);
        assert.equal((await other.me()).status, 401);
        await other.leaves();
    });

    it("may know no address", async () => {
        await provider.is({ sub: "gus" });
        await signInByProvider();
        await person.sees("Could not retrieve email. Please try a different method.", "Forgot password?");
        await person.picture("no-address");
        assert.equal((await person.me()).status, 401);
    });
});

it("a passkey signs up and in", async () => {
    await person.choose("passkeys");
    await person.picture("passkeys");
    await person.click("Sign Up");
    await person.sees("Already have an account?");
    await person.fill({ email: "hal@example.com" });
    await person.submit();
    await person.sees("Create a passkey");
    await person.picture("passkey-confirm");
    await person.press("CONTINUE");
    await proveAddress("hal@example.com");
    const id = await person.isIn("hal@example.com", ["webauthn"]);
    assert.equal((await person.passkeys()).length, 1);
    await person.signOut();
    await person.choose("passkeys");
    await person.press("CONTINUE WITH PASSKEY");
    assert.equal(await person.isIn("hal@example.com", ["webauthn"]), id);
});

it("an authenticator app is asked for at every sign-in once it is set up", async () => {
    await signUp("ida@example.com");
    await proveAddress("ida@example.com");
    const id = await person.isIn("ida@example.com", ["emailpassword"]);
    await person.click("Set up an authenticator app");
    await person.sees("Add a TOTP device");
    await person.click("secret key");
    await person.picture("totp-set-up");
    const secret = await person.page.locator("[data-supertokens~=totpSecret]").textContent();
    await person.fill({ totp: code(secret) });
    await person.submit();
    assert.equal(await person.isIn("ida@example.com", ["emailpassword"]), id);

    await person.signOut();
    await signIn("ida@example.com");
    await person.sees("Enter TOTP");
    await person.owes("st-mfa");
    await person.fill({ totp: wrongCode(secret) });
    await person.submit();
    await person.sees("Invalid TOTP. Please try again.");
    await person.picture("totp-wrong");
    // The one before works no more.
    await person.fill({ totp: code(secret, 1) });
    await person.submit();
    assert.equal(await person.isIn("ida@example.com", ["emailpassword"]), id);
});

describe("login methods with one address", () => {
    it("become one user if both sides have proven it", async () => {
        await signUp("jan@example.com");
        await proveAddress("jan@example.com");
        const id = await person.isIn("jan@example.com", ["emailpassword"]);
        await person.signOut();
        await provider.is({ sub: "jan", email: "jan@example.com", email_verified: true });
        await signInByProvider();
        assert.equal(await person.isIn("jan@example.com", ["emailpassword", "thirdparty"]), id);
        await person.picture("linked");
        await person.signOut();
        await signIn("jan@example.com");
        assert.equal(await person.isIn("jan@example.com", ["emailpassword", "thirdparty"]), id);
    });

    it("stay apart where the provider has no proof", async () => {
        await signUp("kim@example.com");
        await proveAddress("kim@example.com");
        await person.isIn("kim@example.com", ["emailpassword"]);
        await person.signOut();
        await provider.is({ sub: "mallory", email: "kim@example.com", email_verified: false });
        await signInByProvider();
        await person.sees("Cannot sign in / up due to security reasons. Please try a different login method or contact support. (ERR_CODE_006)");
        await person.picture("link-refused");
        assert.equal((await person.me()).status, 401);
    });

    it("stay apart where the password's side has none", async () => {
        await provider.is({ sub: "lea", email: "lea@example.com", email_verified: true });
        await signInByProvider();
        await person.isIn("lea@example.com", ["thirdparty"]);
        await person.signOut();
        await signUp("lea@example.com");
        await person.sees("Cannot sign up due to security reasons. Please try logging in, use a different login method or contact support. (ERR_CODE_007)");
        await person.picture("sign-up-refused");
        assert.equal((await person.me()).status, 401);
    });
});

describe("tenants", () => {
    const ways = {
        password: "Password",
        provider: "Continue with Single Sign-On",
        passkey: /continue with passkey/i,
    };

    for (const [tenant, shown] of Object.entries({ public: ["provider", "passkey"], passwords: ["password", "provider"], codes: [], links: [], passkeys: ["passkey"] })) {
        it(`${tenant} shows its own ways of signing in and no others`, async () => {
            await person.choose(tenant);
            await person.sees(...shown.map((way) => ways[way]));
            await person.picture(`tenant-${tenant}`);
            const others = Object.keys(ways).filter((way) => !shown.includes(way));
            await person.doesNotSee(...others.map((way) => ways[way]));
        });
    }

    it("have users of their own", async () => {
        await person.choose("codes");
        await person.fill({ email: "mia@example.com" });
        await person.submit();
        const { code: sent } = await example.emailed("PasswordlessLogin", "mia@example.com");
        await person.fill({ userInputCode: sent });
        await person.submit();
        const id = await person.isIn("mia@example.com", ["passwordless"]);
        await person.sees("codes");
        await person.signOut();
        await person.choose("links");
        await person.fill({ email: "mia@example.com" });
        await person.submit();
        await person.sees("Link sent!");
        await person.page.goto((await example.emailed("PasswordlessLogin", "mia@example.com")).link);
        assert.notEqual(await person.isIn("mia@example.com", ["passwordless"]), id);
    });
});
