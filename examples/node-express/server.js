import cors from "cors";
import express from "express";
import supertokens from "supertokens-node";
import { errorHandler, middleware } from "supertokens-node/framework/express";
import { verifySession } from "supertokens-node/recipe/session/framework/express";
import { config, port, websiteDomain } from "./supertokens.js";

supertokens.init(config);

const app = express();

app.use(
    cors({
        origin: websiteDomain,
        allowedHeaders: ["content-type", ...supertokens.getAllCORSHeaders()],
        methods: ["GET", "PUT", "POST", "DELETE"],
        credentials: true,
    }),
);

// Serves sign-up, sign-in, refresh and the rest under /auth.
app.use(middleware());

app.get("/sessioninfo", verifySession(), (req, res) => {
    res.json({
        userId: req.session.getUserId(),
        sessionHandle: req.session.getHandle(),
        accessTokenPayload: req.session.getAccessTokenPayload(),
    });
});

// Answers 401 and 403 for what verifySession refuses.
app.use(errorHandler());

// The application's own errors.
app.use((err, req, res, next) => {
    console.error(err);
    if (res.headersSent) return next(err);
    res.status(500).json({ message: "Something went wrong" });
});

app.listen(port, "localhost", (err) => {
    if (err) throw err;
    console.log(`The example listens on http://localhost:${port}`);
});
