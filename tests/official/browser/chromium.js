// How Chromium is started.

export const launchOptions = {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Nothing but the tested pages is to be asked for.
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
};
