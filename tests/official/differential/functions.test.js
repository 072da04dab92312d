// Each function of the unmodified supertokens-node stands in the table that apps come from it with; that the Rust
// functions beside it are there is held by `cargo xtask tidy`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { require } from "../node/application.js";

const page = new URL("../../../docs/sdk/from-node.md", import.meta.url);
// Recipes that the table says are missing.
const missing = new Set(["oauth2provider", "saml"]);

/** The names in the first column, by the headings that they stand under. */
async function table() {
    const sections = new Map();
    let names = new Set();
    for (const line of (await readFile(page, "utf8")).split("\n")) {
        if (line.startsWith("## ")) {
            names = new Set();
            for (const recipe of line.slice(3).split(", ")) sections.set(recipe.toLowerCase(), names);
        } else if (line.startsWith("| ")) {
            const [left] = line.slice(2).replaceAll("\\|", " ").split(" | ");
            for (const name of left.match(/\w+/g) ?? []) names.add(name);
        }
    }
    return sections;
}

/** What a module gives its users: functions, claims and classes. */
function exported(module) {
    const own = Object.getOwnPropertyNames(module.default ?? {}).filter((name) => !["length", "name", "prototype"].includes(name));
    return [...new Set([...Object.keys(module), ...own])].filter((name) => !["default", "__esModule"].includes(name));
}

test("the table names every function of supertokens-node", async () => {
    const sections = await table();
    const ofApp = sections.get("the app");
    const directory = path.join(path.dirname(require.resolve("supertokens-node")), "recipe");
    const recipes = (await readdir(directory)).filter((name) => !missing.has(name));
    const absent = exported(require("supertokens-node")).filter((name) => !ofApp.has(name)).map((name) => `supertokens.${name}`);
    let count = 0;
    for (const recipe of recipes) {
        const names = exported(require(`supertokens-node/recipe/${recipe}`));
        count += names.length;
        const named = sections.get(recipe);
        assert.ok(named, `there is no section for ${recipe}`);
        absent.push(...names.filter((name) => !named.has(name) && !ofApp.has(name)).map((name) => `${recipe}.${name}`));
    }
    assert.ok(count > 100, `${count} functions were found`);
    assert.deepEqual(absent, []);
});
