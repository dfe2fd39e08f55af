// Public names of @dual-head/hub.
export { chooseFiles, type FileChoice, type Purpose, shardsOfIndex } from "./choose-files.ts";
export { HubError, type HubFacts, type HubFault } from "./hub-error.ts";
export type { HubEvent } from "./progress.ts";
export { openRepository, type RemoteRepository } from "./remote.ts";
export { describeName, parseRepositoryName, type RepositoryName, requireRepositoryName } from "./repository-name.ts";
export { type HubSettings, loadHubSettings } from "./settings.ts";
export {
  type FindOptions,
  findSnapshot,
  openSnapshot,
  type PullOptions,
  pullSnapshot,
  type Snapshot,
} from "./snapshot.ts";
export type { RetryPolicy } from "./transport.ts";
