// The app itself: a choice of tenants for visitors, and for users who they are.
import React, { useEffect, useState } from "react";
import { useNavigate } from "react-router-dom";
import { redirectToAuth } from "supertokens-auth-react";
import MultiFactorAuth from "supertokens-auth-react/recipe/multifactorauth";
import { SessionAuth, signOut, useSessionContext } from "supertokens-auth-react/recipe/session";
import { apiDomain } from "./supertokens.js";

export function Home() {
    const session = useSessionContext();
    if (session.loading) return null;
    if (!session.doesSessionExist) return <Tenants />;
    // Whoever still has something to prove is sent where that is done.
    return (
        <SessionAuth>
            <Account />
        </SessionAuth>
    );
}

function useAnswer(path) {
    const [answer, setAnswer] = useState();
    useEffect(() => {
        fetch(apiDomain + path)
            .then((response) => response.json())
            .then(setAnswer, console.error);
    }, [path]);
    return answer;
}

function Tenants() {
    const tenants = useAnswer("/tenants") ?? [];
    const navigate = useNavigate();
    const choose = (tenantId) => {
        sessionStorage.setItem("tenant", tenantId);
        return redirectToAuth({ navigate, queryParams: { tenantId } });
    };
    return (
        <main>
            <h1>Every way in</h1>
            <p>Where do you belong? Each tenant has users and ways of signing in of its own.</p>
            {tenants.map((tenantId) => (
                <button key={tenantId} onClick={() => choose(tenantId)}>
                    {tenantId}
                </button>
            ))}
        </main>
    );
}

function Account() {
    const answer = useAnswer("/me");
    const navigate = useNavigate();
    if (!answer) return null;
    const { user, tenant } = answer;
    const setUp = () =>
        MultiFactorAuth.redirectToFactor({ factorId: "totp", forceSetup: true, stepUp: true, redirectBack: true, navigate });
    return (
        <main>
            <h1>You are in</h1>
            <dl>
                <dt>Address</dt>
                <dd>{user.emails.join(", ")}</dd>
                <dt>Tenant</dt>
                <dd>{tenant}</dd>
                <dt>Ways of signing in</dt>
                <dd>{user.loginMethods.map((method) => method.recipeId).join(", ")}</dd>
                <dt>User</dt>
                <dd>{user.id}</dd>
            </dl>
            <button onClick={setUp}>Set up an authenticator app</button>
            <button onClick={() => signOut()}>Sign out</button>
        </main>
    );
}
