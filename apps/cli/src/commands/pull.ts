// dual-head pull: a model, heads or a tokenizer from the hub into the cache that all its clients share.
import { loadHubSettings, type Purpose, requireRepositoryName } from "@dual-head/hub";
import { Command, Option } from "commander";
import { type Io, toJson } from "../io.ts";
import { fetchSnapshot } from "../locate.ts";

/** The `pull` command. */
export function pullCommand(io: Io): Command {
  return new Command("pull")
    .description("fetch a repository of the Hugging Face hub into its cache; what is there is not fetched again")
    .argument("<repository>", "owner/name, owner/name@revision or owner/name:path/to/file")
    .addOption(
      new Option("--for <purpose>", "which files are needed; auto: heads where it has them, else the model")
        .choices(["auto", "model", "heads", "tokenizer"])
        .default("auto"),
    )
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Environment: HF_HOME or HF_HUB_CACHE (where the cache lies), HF_TOKEN (private and gated repositories),
HF_ENDPOINT (another hub). With HF_HUB_OFFLINE=1 other commands use what is cached and ask nobody.
A download that breaks goes on where it broke when it is run again.`,
    )
    .action(async (repository: string, options: { for: Purpose; json?: boolean }) => {
      const settings = await loadHubSettings(io.environment);
      const snapshot = await fetchSnapshot(requireRepositoryName(repository), settings, options.for, io);
      io.out(options.json === true ? `${toJson(snapshot)}\n` : `${snapshot.path}\n`);
    });
}
