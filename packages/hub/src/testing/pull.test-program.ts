// A process of its own that pulls one repository and prints its folder, for tests of several at once.
import { loadHubSettings, pullSnapshot, requireRepositoryName } from "../index.ts";

const snapshot = await pullSnapshot(requireRepositoryName(process.argv[2]!), {
  settings: await loadHubSettings(process.env),
  retry: { delaySeconds: 0.01 },
});
process.stdout.write(snapshot.folder);
