// An authenticator app that has been shown a secret.
import { createHmac } from "node:crypto";

/** The code that an authenticator shows, so many periods from now. */
export function code(secret, periods = 0) {
    const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
    const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + periods));
    const digest = createHmac("sha1", key).update(counter).digest();
    const offset = digest[19] & 15;
    return `${(digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000}`.padStart(6, "0");
}

/** A code that is right in none of the periods around now. */
export const wrongCode = (secret) => {
    const right = [-2, -1, 0, 1, 2].map((periods) => code(secret, periods));
    return ["000000", "000001", "000002", "000003", "000004", "000005"].find((candidate) => !right.includes(candidate));
};
