import { Command, Option } from 'commander'
import type { ApiClient } from './api-client.ts'

/** What every command that asks a gateway is told. */
export interface ApiOptions {
  readonly url?: string
  readonly output: 'text' | 'json'
}

/** A command that asks a gateway. */
export function apiCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--url <url>', 'the gateway (default: BELLHOP_URL, or http://127.0.0.1:8787)')
    .addOption(new Option('-o, --output <format>', 'what stdout has').choices(['text', 'json']).default('text'))
}

/** The gateway that a command is for. @throws {CloudError} invalid when its URL is none; unauthenticated without a token */
export async function clientFor({ url }: ApiOptions): Promise<ApiClient> {
  // Commands that ask no gateway need not wait for it.
  const { openApiClient } = await import('./api-client.ts')
  return await openApiClient(url)
}

/** An option that may be there several times. */
export function many(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}
