// SuperTokens' pages below /auth, and the app's own everywhere else.
import React from "react";
import { createRoot } from "react-dom/client";
import * as router from "react-router-dom";
import { SuperTokensWrapper } from "supertokens-auth-react";
import { getSuperTokensRoutesForReactRouterDom } from "supertokens-auth-react/ui";
import { Home } from "./home.jsx";
import { authPages } from "./supertokens.js";

const { BrowserRouter, Route, Routes } = router;

createRoot(document.getElementById("root")).render(
    <SuperTokensWrapper>
        <BrowserRouter>
            <Routes>
                {getSuperTokensRoutesForReactRouterDom(router, authPages)}
                <Route path="*" element={<Home />} />
            </Routes>
        </BrowserRouter>
    </SuperTokensWrapper>,
);
