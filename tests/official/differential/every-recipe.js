// Every recipe of the unmodified supertokens-node, as crates/testserver has them (`portcullis-every-recipe`).
// Started by differential.test.js.
import { createRequire } from "node:module";
import path from "node:path";
import { exampleDirectory } from "../node/processes.js";

const require = createRequire(path.join(exampleDirectory, "server.js"));
const express = require("express");
const supertokens = require("supertokens-node");
const recipe = (name) => require(`supertokens-node/recipe/${name}`);
const { errorHandler, middleware } = require("supertokens-node/framework/express");
const { verifySession } = require("supertokens-node/recipe/session/framework/express");

const { PORT, WEBSITE_DOMAIN, CORE_URI, CORE_API_KEY, PROVIDER, DASHBOARD_KEY, FACTORS } = process.env;

/** The newest message to each address and number. Nothing is to leave the machine. */
const sent = new Map();

function keep(input) {
    const { type, tenantId: tenant, user } = input;
    const link = input.passwordResetLink ?? input.emailVerifyLink ?? input.recoverAccountLink ?? input.urlWithLinkCode ?? null;
    const message = { type, tenant, link };
    if (type === "PASSWORDLESS_LOGIN") {
        Object.assign(message, { code: input.userInputCode ?? null, codeLifetime: input.codeLifetime, isFirstFactor: input.isFirstFactor });
    }
    if (input.phoneNumber === undefined) {
        const recipeUserId = user?.recipeUserId;
        Object.assign(message, { userId: user?.id ?? null, recipeUserId: recipeUserId?.getAsString?.() ?? recipeUserId ?? null });
    }
    sent.set(input.phoneNumber ?? input.email ?? user.email, message);
}

const emailDelivery = { override: (original) => ({ ...original, sendEmail: async (input) => keep(input) }) };
const smsDelivery = { override: (original) => ({ ...original, sendSms: async (input) => keep(input) }) };
const own = {
    thirdPartyId: "own",
    name: "Own",
    clients: [{ clientId: "app", clientSecret: "secret", scope: ["openid", "email"] }],
    oidcDiscoveryEndpoint: `${PROVIDER}/.well-known/openid-configuration`,
};
const github = { thirdPartyId: "github", clients: [{ clientId: "id", clientSecret: "secret" }] };

const shouldDoAutomaticAccountLinking = async () => ({ shouldAutomaticallyLink: true, shouldRequireVerification: true });
const factors = () => [
    recipe("accountlinking").init({ shouldDoAutomaticAccountLinking }),
    recipe("multifactorauth").init(),
    recipe("totp").init(),
];

supertokens.init({
    framework: "express",
    supertokens: { connectionURI: CORE_URI, apiKey: CORE_API_KEY },
    appInfo: { appName: "Every recipe", apiDomain: `http://localhost:${PORT}`, websiteDomain: WEBSITE_DOMAIN },
    recipeList: [
        recipe("emailpassword").init({ emailDelivery }),
        recipe("emailverification").init({ mode: "OPTIONAL", emailDelivery }),
        recipe("passwordless").init({
            contactMethod: "EMAIL_OR_PHONE",
            flowType: "USER_INPUT_CODE_AND_MAGIC_LINK",
            emailDelivery,
            smsDelivery,
        }),
        recipe("thirdparty").init({ signInAndUpFeature: { providers: [{ config: own }, { config: github }] } }),
        recipe("webauthn").init({ emailDelivery }),
        recipe("userroles").init(),
        recipe("dashboard").init({ apiKey: DASHBOARD_KEY }),
        recipe("session").init(),
        ...(FACTORS === "on" ? factors() : []),
    ],
});

const app = express();
app.use(middleware());
app.get("/sessioninfo", verifySession(), (req, res) => res.status(200).end());
app.get("/sent", (req, res) => {
    const message = sent.get(req.query.to);
    sent.delete(req.query.to);
    res.json(message ?? null);
});
app.use(errorHandler());
// What the SDK leaves to the application is answered in the words of the Rust SDK's adapters.
app.use((err, req, res, next) => {
    if (res.headersSent) return next(err);
    res.status(500).json({ message: "Internal Server Error" });
});
app.listen(Number(PORT), "127.0.0.1");
