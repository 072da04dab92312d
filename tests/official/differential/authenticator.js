// A software authenticator with its browser: what it answers to options.
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
const base64url = (bytes) => Buffer.from(bytes).toString("base64url");
/** Who is there, was touched and is known. */
const present = 0x05;
const hasCredential = 0x40;

export class Authenticator {
    constructor(origin) {
        this.origin = origin;
        this.id = randomBytes(32);
        this.keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
    }

    /** A new passkey. */
    create({ challenge, rp, user }) {
        this.user = user.id;
        const { x, y } = this.keys.publicKey.export({ format: "jwk" });
        const coordinate = (label, text) => Buffer.concat([Buffer.from([label, 0x58, 32]), Buffer.from(text, "base64url")]);
        // A COSE key: EC2, ES256, P-256.
        const key = Buffer.concat([Buffer.from([0xa5, 1, 2, 3, 0x26, 0x20, 1]), coordinate(0x21, x), coordinate(0x22, y)]);
        const data = Buffer.concat([this.data(rp.id, present | hasCredential), Buffer.alloc(16), Buffer.from([0, 32]), this.id, key]);
        const attestation = Buffer.concat([
            Buffer.from([0xa3, 0x63]), Buffer.from("fmt"), Buffer.from([0x64]), Buffer.from("none"),
            Buffer.from([0x67]), Buffer.from("attStmt"), Buffer.from([0xa0]),
            Buffer.from([0x68]), Buffer.from("authData"), Buffer.from([0x58, data.length]), data,
        ]);
        const clientData = this.clientData("webauthn.create", challenge);
        return this.credential({ clientDataJSON: base64url(clientData), attestationObject: base64url(attestation), transports: ["internal"] });
    }

    /** A signature with it. */
    get({ challenge, rpId }) {
        const clientData = this.clientData("webauthn.get", challenge);
        const data = this.data(rpId, present);
        const signature = sign("sha256", Buffer.concat([data, sha256(clientData)]), this.keys.privateKey);
        return this.credential({
            clientDataJSON: base64url(clientData),
            authenticatorData: base64url(data),
            signature: base64url(signature),
            userHandle: this.user,
        });
    }

    data(rpId, flags) {
        return Buffer.concat([sha256(rpId), Buffer.from([flags]), Buffer.alloc(4)]);
    }

    clientData(type, challenge) {
        return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }));
    }

    credential(response) {
        const id = base64url(this.id);
        return { id, rawId: id, type: "public-key", clientExtensionResults: {}, authenticatorAttachment: "platform", response };
    }
}
