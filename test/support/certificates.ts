/** Certificates for brokers and their clients, made by openssl and good for a day. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Files in PEM. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** An authority that nobody trusts who is not told to. */
export class Authority {
  readonly caFile: string;
  readonly #directory: string;
  readonly #keyFile: string;

  constructor(directory: string, name = "authority") {
    this.#directory = directory;
    this.caFile = join(directory, `${name}.pem`);
    this.#keyFile = join(directory, `${name}.key`);
    const files = ["-keyout", this.#keyFile, "-out", this.caFile];
    openssl(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", `/CN=${name}`, ...files]);
  }

  /** For a server at 127.0.0.1 and under the name, or for a client of that name. */
  issue(name: string, { passphrase }: { readonly passphrase?: string } = {}): Certificate {
    const [certFile, keyFile, request, extensions] = ["pem", "key", "csr", "ext"].map((ending) =>
      join(this.#directory, `${name}.${ending}`),
    ) as [string, string, string, string];
    const protection = passphrase === undefined ? ["-nodes"] : ["-passout", `pass:${passphrase}`];
    const subject = ["-subj", `/CN=${name}`, "-keyout", keyFile, "-out", request];
    openssl(["req", "-newkey", "rsa:2048", ...protection, ...subject]);
    writeFileSync(extensions, `subjectAltName=DNS:${name},IP:127.0.0.1\n`);
    const signing = ["-CA", this.caFile, "-CAkey", this.#keyFile, "-CAcreateserial", "-extfile", extensions];
    openssl(["x509", "-req", "-days", "1", "-in", request, ...signing, "-out", certFile]);
    return { certFile, keyFile };
  }
}

function openssl(args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: "ignore" });
}
