// Sign up, sign in, a protected route, refreshed sessions, sign out: on the unmodified supertokens-web-js,
// whose scripts set `supertokens`, `supertokensSession` and `supertokensEmailPassword`.

const part = (id) => document.getElementById(id);
const apiDomain = document.querySelector('meta[name="api-domain"]').content || location.origin;
const mode = new URLSearchParams(location.search).get("mode") === "header" ? "header" : "cookie";
const otherTabs = new BroadcastChannel("portcullis-quickstart");

const happenings = {
    SESSION_CREATED: "A session was made",
    REFRESH_SESSION: "The SDK refreshed the session",
    SIGN_OUT: "Signed out",
    UNAUTHORISED: "The session is over",
};

function note(text) {
    const [line, time] = [document.createElement("li"), document.createElement("time")];
    time.textContent = new Date().toLocaleTimeString();
    line.append(time, text);
    part("events").prepend(line);
}

async function onSessionEvent({ action }) {
    if (!happenings[action]) return;
    note(happenings[action]);
    // The other tabs share the new tokens anyway; what they must hear of is a session that begins or ends.
    if (action !== "REFRESH_SESSION") otherTabs.postMessage(action);
    await show();
}

let life;

/** Shows the half of the page that fits: the form, or the session. */
async function show() {
    const signedIn = await supertokensSession.doesSessionExist();
    part("signed-out").hidden = signedIn;
    part("signed-in").hidden = !signedIn;
    if (!signedIn) return;
    part("user").textContent = await supertokensSession.getUserId();
    life = await supertokensSession.getAccessTokenPayloadSecurely();
    showLife();
}

/** How long the access token is good for; after that, the SDK refreshes the session at the next call. */
function showLife() {
    if (!life) return;
    const left = Math.max(0, life.exp - Date.now() / 1000);
    part("life").style.width = `${(100 * left) / (life.exp - life.iat)}%`;
    part("left").textContent =
        left > 0
            ? `The access token is good for ${Math.ceil(left)} s; then the SDK replaces it at the next call.`
            : "The access token has expired: at the next call, the SDK replaces it.";
}

async function call() {
    const answer = await fetch(`${apiDomain}/sessioninfo`);
    part("answer").hidden = false;
    part("answer").textContent = `HTTP ${answer.status}\n${JSON.stringify(await answer.json(), null, 2)}`;
}

let signsUp = false;

function choose(up) {
    signsUp = up;
    part("tab-in").ariaSelected = `${!up}`;
    part("tab-up").ariaSelected = `${up}`;
    part("submit").textContent = up ? "Sign up" : "Sign in";
    part("form").elements.password.autocomplete = up ? "new-password" : "current-password";
    showFaults([]);
}

function showFaults(fields, text = "") {
    for (const place of document.querySelectorAll("[data-field]")) {
        place.textContent = fields.find(({ id }) => id === place.dataset.field)?.error ?? "";
    }
    part("fault").textContent = text;
}

async function submit() {
    const formFields = ["email", "password"].map((id) => ({ id, value: part("form").elements[id].value }));
    const answer = await supertokensEmailPassword[signsUp ? "signUp" : "signIn"]({ formFields });
    if (answer.status === "FIELD_ERROR") return showFaults(answer.formFields);
    if (answer.status === "WRONG_CREDENTIALS_ERROR") return showFaults([], "E-mail and password do not fit.");
    if (answer.status !== "OK") return showFaults([], answer.reason ?? answer.status);
    part("form").reset();
    choose(false);
}

/** Runs a button's work once at a time, and shows what went wrong. */
function on(id, type, work) {
    part(id).addEventListener(type, async (event) => {
        event.preventDefault();
        const button = event.submitter ?? event.currentTarget;
        button.disabled = true;
        try {
            await work();
        } catch (error) {
            note(error.isSuperTokensGeneralError ? error.message : `Something went wrong: ${error.message ?? error}`);
        } finally {
            button.disabled = false;
        }
    });
}

function start() {
    supertokens.init({
        appInfo: { appName: "Quickstart", apiDomain },
        recipeList: [
            supertokensSession.init({ tokenTransferMethod: mode, onHandleEvent: onSessionEvent }),
            supertokensEmailPassword.init(),
        ],
    });
    part("mode").textContent = `sessions in ${mode}s`;
    on("tab-in", "click", () => choose(false));
    on("tab-up", "click", () => choose(true));
    on("form", "submit", submit);
    on("call", "click", call);
    on("refresh", "click", () => supertokensSession.attemptRefreshingSession());
    on("sign-out", "click", () => supertokensSession.signOut());
    otherTabs.addEventListener("message", show);
    addEventListener("focus", show);
    setInterval(showLife, 1000);
    return show();
}

if (globalThis.supertokens && globalThis.supertokensEmailPassword) await start();
else part("missing").hidden = false;
