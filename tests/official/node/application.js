// An application in the test's own process, on the unmodified SDK that the example brings along.
import { once } from "node:events";
import { createRequire } from "node:module";
import path from "node:path";
import { apiKey, exampleDirectory, freePort } from "./processes.js";

/** Finds what the example has installed. */
export const require = createRequire(path.join(exampleDirectory, "server.js"));

/** Serves the SDK's own paths, and `/sessioninfo` to whoever has a session that asks for nothing more. */
export async function startApplication(core, recipeList) {
    const supertokens = require("supertokens-node");
    const { middleware, errorHandler } = require("supertokens-node/framework/express");
    const { verifySession } = require("supertokens-node/recipe/session/framework/express");
    const port = await freePort();
    const url = `http://localhost:${port}`;
    supertokens.init({
        framework: "express",
        supertokens: { connectionURI: core.uri, apiKey },
        appInfo: { appName: "Portcullis tests", apiDomain: url, websiteDomain: "http://localhost:3000" },
        recipeList,
    });
    const app = require("express")();
    app.use(middleware());
    app.get("/sessioninfo", verifySession(), (req, res) => res.json({ userId: req.session.getUserId(), tenantId: req.session.getTenantId() }));
    app.use(errorHandler());
    const server = app.listen(port, "localhost");
    await once(server, "listening");
    return { url, stop: () => server.close() };
}
