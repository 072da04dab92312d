// What this application tells SuperTokens' SDK: where the core listens, and which recipes it uses.
import EmailPassword from "supertokens-node/recipe/emailpassword";
import EmailVerification from "supertokens-node/recipe/emailverification";
import Session from "supertokens-node/recipe/session";
import UserMetadata from "supertokens-node/recipe/usermetadata";
import UserRoles from "supertokens-node/recipe/userroles";

export const port = Number(process.env.PORT ?? 3001);
export const websiteDomain = process.env.WEBSITE_DOMAIN ?? "http://localhost:3000";

export const config = {
    framework: "express",
    supertokens: {
        connectionURI: process.env.CORE_URI ?? "http://localhost:3567",
        apiKey: process.env.CORE_API_KEY,
    },
    appInfo: {
        appName: "Portcullis example",
        apiDomain: `http://localhost:${port}`,
        websiteDomain,
        apiBasePath: "/auth",
        websiteBasePath: "/auth",
    },
    recipeList: [
        EmailPassword.init({ emailDelivery: { override: logEmails } }),
        EmailVerification.init({ mode: "OPTIONAL", emailDelivery: { override: logEmails } }),
        Session.init(),
        UserMetadata.init(),
        UserRoles.init(),
    ],
};

// An application puts its own mail server here; this one shows the link on standard output.
function logEmails(originalImplementation) {
    return {
        ...originalImplementation,
        sendEmail: async ({ type, user, passwordResetLink, emailVerifyLink }) =>
            console.log(`E-mail ${type} to ${user.email}: ${passwordResetLink ?? emailVerifyLink}`),
    };
}
