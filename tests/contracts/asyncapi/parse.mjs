// Prints what the official AsyncAPI parser says of each document that is named: as JSON, by path.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const results = {};
for (const path of process.argv.slice(2)) {
  const { document, diagnostics } = await new Parser().parse(await readFile(path, "utf8"), {
    source: path,
  });
  results[path] = {
    version: document?.version() ?? null,
    channels: document?.channels().all().map((channel) => channel.address()) ?? [],
    sent: document?.operations().filterBySend().map((operation) => operation.id()) ?? [],
    diagnostics: diagnostics.map(({ code, severity, message, path: where }) => ({
      code,
      severity,
      message,
      where: where.join("."),
    })),
  };
}
process.stdout.write(JSON.stringify(results));
