// The demo's figures as one HTML page that needs nothing else: light or dark, plots and coloured answers. Knows no model.
import { alphaColour } from "../alpha-strip.ts";
import { escaped, pageOf } from "../report/page.ts";
import type { Piece } from "../world/answers.ts";
import { describeMean, describeShare } from "../world/measure.ts";
import { type DemoFigures, describeChoice, type Example, type ScoredAnswer, type Setting } from "./figures.ts";
import { lessonPlot, mixturePlot, strengthPlot } from "./plots.ts";

/** The whole page. */
export function reportOf(figures: DemoFigures): string {
  const { examples, strengths, mixtures, lesson, promptCount, parameterCount, device, seed, seconds } = figures;
  const { summary } = lesson;
  const accuracy =
    summary.heldOut === null
      ? ""
      : ` It prefers the chosen answer of ${summary.heldOut.pairs} held-out pairs in ${percent(summary.heldOut.accuracy)} [${percent(summary.heldOut.low)}, ${percent(summary.heldOut.high)}]; the untrained head in ${percent(summary.heldOut.untrained)}, the rule “the shorter wins” in ${percent(summary.heldOut.shorterWins)}.`;
  return pageOf(
    "Dual-Head: the demo",
    `<h1>Dual-Head: a frozen model, two small heads, and a gate</h1>
<p>A language model of ${(parameterCount / 1e6).toFixed(1)} million parameters read a made-up world of everyday questions in which good and bad answers are about as likely. It is never changed. Two heads beside its own, one for helpfulness and one for harmlessness, and their gates steer it, token by token. An oracle that knows the world scores every answer in [−1, 1]. The questions below are of topics about which no preference was ever seen.</p>
<h2>Side by side</h2>
<p>${describeChoice(figures)} Colours show α, how much of each token is the reward heads’: ${[0, 0.5, 1].map((alpha) => token({ text: ` α ${alpha} `, alpha })).join(" ")}</p>
${examples.map(article).join("\n")}
<h2>Strength</h2>
<figure>${strengthPlot(figures)}<figcaption>Mean rewards on ${promptCount} questions with 95 % intervals; both heads at weight ½. Strength 0 is exactly the model itself.</figcaption></figure>
${table("strength", strengths, ({ strength }) => (strength === 0 ? "0 (base)" : String(strength)))}
<h2>Weights</h2>
<figure>${mixturePlot(figures)}<figcaption>The same heads at other weights, at strength 1.</figcaption></figure>
${table("helpful / harmless", mixtures, ({ helpful, harmless }) => `${helpful} / ${harmless}`)}
<h2>A head trained here</h2>
<p>${lesson.pairCount} preferences for helpful answers, ${summary.steps} steps, ${summary.seconds.toFixed(0)} seconds; ${summary.trainable.head + summary.trainable.gate} trained numbers.${accuracy}</p>
<figure>${lessonPlot(figures)}<figcaption>Rewards of answers to held-out questions before and after. Helpful: ${describeMean(lesson.before.helpful)} → ${describeMean(lesson.after.helpful)}.</figcaption></figure>
<p>Seed ${seed}; ${escaped(device)}; ${seconds.toFixed(0)} seconds in all. Made by <code>dual-head demo</code>.</p>
`,
  );
}

function article({ turns, base, aligned }: Example): string {
  const said = turns.map((turn, at) => `<dt>${at % 2 === 0 ? "Human" : "Assistant"}</dt><dd>${escaped(turn)}</dd>`);
  const strip = aligned.pieces.map((piece, at) => token(at === 0 ? { ...piece, text: piece.text.trimStart() } : piece));
  return `<article><dl>${said.join("")}
<dt>base · ${scores(base)}</dt><dd>${escaped(base.text.trim())}</dd>
<dt>aligned · ${scores(aligned)}</dt><dd>${strip.join("")}</dd></dl></article>`;
}

function scores({ helpful, harmless }: ScoredAnswer): string {
  return `helpful ${helpful.toFixed(2)}, harmless ${harmless.toFixed(2)}`;
}

function token({ text, alpha }: Piece): string {
  if (alpha === null) return escaped(text);
  const colour = alphaColour(alpha).join(" ");
  return `<span class="token" style="background: rgb(${colour})" title="α ${alpha.toFixed(2)}">${escaped(text)}</span>`;
}

function table(first: string, settings: readonly Setting[], name: (setting: Setting) => string): string {
  const rows = settings.map((setting) => {
    const { measure, meanAlpha } = setting;
    const cells = [
      ...[name(setting), describeMean(measure.helpful), describeMean(measure.harmless)],
      ...[describeShare(measure.fluent), meanAlpha.toFixed(2)],
    ];
    return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
  });
  return `<table><tr><th>${first}</th><th>helpful</th><th>harmless</th><th>fluent</th><th>mean α</th></tr>${rows.join("")}</table>`;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(0)} %`;
}
