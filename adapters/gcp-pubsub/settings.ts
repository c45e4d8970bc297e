/** What the configuration says of one instance, and of a topic on it; `schemas/adapters/gcp-pubsub.schema.json`. */
import { TransportError } from "../../src/transport/port.ts";

export interface PubsubSettings {
  readonly projectId: string;
  /** `host:port`; then everything is plain text and without credentials. */
  readonly emulator?: string;
  readonly apiEndpoint?: string;
  readonly universeDomain?: string;
  readonly keyFilename?: string;
  readonly credentials?: { readonly client_email: string; readonly private_key: string };
}

export interface PubsubTopicOptions {
  readonly kmsKeyName?: string;
  readonly regions?: readonly string[];
  readonly messageRetentionSeconds?: number;
}

/** Variables that silently send the SDK's traffic somewhere else. */
const REDIRECTIONS = ["PUBSUB_EMULATOR_HOST", "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB"];

/** Throws `invalid` when the environment means an emulator and the configuration does not. */
export function refuseRedirection(settings: PubsubSettings, environment: NodeJS.ProcessEnv): void {
  if (settings.emulator !== undefined) return;
  const name = REDIRECTIONS.find((variable) => (environment[variable] ?? "") !== "");
  if (name === undefined) return;
  throw new TransportError(
    "invalid",
    `${name} is set, which would send events of a transport that is configured for Google Cloud to an emulator. Unset ` +
      `it, or say \`emulator: \${${name}}\` in the transport's settings`,
  );
}
