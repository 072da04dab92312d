// The documented integration of the unmodified supertokens-node, as the Rust quickstart has it: the same
// recipes, the same protected route. Started by differential.test.js.
import { createRequire } from "node:module";
import path from "node:path";
import { exampleDirectory } from "../node/processes.js";

const require = createRequire(path.join(exampleDirectory, "server.js"));
const cors = require("cors");
const express = require("express");
const supertokens = require("supertokens-node");
const EmailPassword = require("supertokens-node/recipe/emailpassword");
const Session = require("supertokens-node/recipe/session");
const { errorHandler, middleware } = require("supertokens-node/framework/express");
const { verifySession } = require("supertokens-node/recipe/session/framework/express");

const { PORT, WEBSITE_DOMAIN, CORE_URI, CORE_API_KEY } = process.env;

supertokens.init({
    framework: "express",
    supertokens: { connectionURI: CORE_URI, apiKey: CORE_API_KEY },
    appInfo: { appName: "Quickstart", apiDomain: `http://127.0.0.1:${PORT}`, websiteDomain: WEBSITE_DOMAIN },
    recipeList: [
        // Nothing is to leave the machine.
        EmailPassword.init({ emailDelivery: { override: (original) => ({ ...original, sendEmail: async () => {} }) } }),
        Session.init(),
    ],
});

const app = express();
app.use(
    cors({
        origin: WEBSITE_DOMAIN,
        allowedHeaders: ["content-type", ...supertokens.getAllCORSHeaders()],
        methods: ["GET", "PUT", "POST", "DELETE"],
        credentials: true,
    }),
);
app.use(middleware());
app.get("/sessioninfo", verifySession(), (req, res) => {
    res.json({
        userId: req.session.getUserId(),
        sessionHandle: req.session.getHandle(),
        accessTokenPayload: req.session.getAccessTokenPayload(),
    });
});
app.use(errorHandler());
// What the SDK leaves to the application is answered in the words of the Rust SDK's adapters.
app.use((err, req, res, next) => {
    if (res.headersSent) return next(err);
    res.status(500).json({ message: "Internal Server Error" });
});
app.listen(Number(PORT), "127.0.0.1");
