// What SuperTokens' SDK for React is told: which ways of signing in the pages know. Which of them are shown is for
// the backend to say, for each tenant.
import SuperTokens from "supertokens-auth-react";
import EmailPassword from "supertokens-auth-react/recipe/emailpassword";
import { EmailPasswordPreBuiltUI } from "supertokens-auth-react/recipe/emailpassword/prebuiltui";
import EmailVerification from "supertokens-auth-react/recipe/emailverification";
import { EmailVerificationPreBuiltUI } from "supertokens-auth-react/recipe/emailverification/prebuiltui";
import MultiFactorAuth from "supertokens-auth-react/recipe/multifactorauth";
import { MultiFactorAuthPreBuiltUI } from "supertokens-auth-react/recipe/multifactorauth/prebuiltui";
import Multitenancy from "supertokens-auth-react/recipe/multitenancy";
import Passwordless from "supertokens-auth-react/recipe/passwordless";
import { PasswordlessPreBuiltUI } from "supertokens-auth-react/recipe/passwordless/prebuiltui";
import Session from "supertokens-auth-react/recipe/session";
import ThirdParty from "supertokens-auth-react/recipe/thirdparty";
import { ThirdPartyPreBuiltUI } from "supertokens-auth-react/recipe/thirdparty/prebuiltui";
import TOTP from "supertokens-auth-react/recipe/totp";
import { TOTPPreBuiltUI } from "supertokens-auth-react/recipe/totp/prebuiltui";
import WebAuthn from "supertokens-auth-react/recipe/webauthn";
import { WebauthnPreBuiltUI } from "supertokens-auth-react/recipe/webauthn/prebuiltui";

/** The backend serves these pages itself, but for `npm run dev`. */
export const apiDomain = import.meta.env.DEV ? "http://localhost:3001" : location.origin;

SuperTokens.init({
    appInfo: { appName: "Every way in", apiDomain, websiteDomain: location.origin, apiBasePath: "/auth", websiteBasePath: "/auth" },
    usesDynamicLoginMethods: true,
    recipeList: [
        EmailPassword.init(),
        ThirdParty.init(),
        Passwordless.init({ contactMethod: "EMAIL" }),
        WebAuthn.init(),
        EmailVerification.init({ mode: "REQUIRED" }),
        MultiFactorAuth.init(),
        TOTP.init(),
        Multitenancy.init({ override: { functions: rememberTenant } }),
        Session.init(),
    ],
});

/** The tenant that the address names, or that was chosen before: not every page passes it on to the next one. */
function rememberTenant(original) {
    return {
        ...original,
        getTenantId: async (input) => (await original.getTenantId(input)) ?? sessionStorage.getItem("tenant") ?? undefined,
    };
}

/** The pages below /auth. */
export const authPages = [
    EmailPasswordPreBuiltUI,
    ThirdPartyPreBuiltUI,
    PasswordlessPreBuiltUI,
    WebauthnPreBuiltUI,
    EmailVerificationPreBuiltUI,
    MultiFactorAuthPreBuiltUI,
    TOTPPreBuiltUI,
];
