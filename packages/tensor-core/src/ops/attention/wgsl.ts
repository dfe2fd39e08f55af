// attention and its gradient on webgpu: one workgroup a query head, or a key row of a group, over tiles of 64 partners.
// Gradients of keys and values walk the queries that see them, so that no float atomics are needed.
import {
  defaultLanes,
  defineKernel,
  gridOf,
  itemOfLane,
  laneGrid,
  laneReductions,
  lowest,
} from "../../backends/webgpu/kernel.ts";
import { input, output, scratch, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import { type AttentionAttrs, attentionExtents } from "./op.ts";

const extents = {
  queryCount: "u32",
  rangeCount: "u32",
  keyCount: "u32",
  headCount: "u32",
  groupCount: "u32",
  headSize: "u32",
  valueSize: "u32",
  scale: "f32",
} as const;

/** Elements of a head that one workgroup keeps in registers, four a lane; wider heads take more slices of the grid. */
const sliceSize = 4 * defaultLanes;

/** Each part's statement where the slice reaches it, so that narrow heads do not pay for wide ones. */
function eachPart(reach: string, statement: (part: number, component: string) => string): string {
  return ["x", "y", "z", "w"]
    .map((component, part) => {
      const text = statement(part, component);
      return `if (${reach} > ${part * defaultLanes}u) { ${text} }`;
    })
    .join("\n      ");
}

const part = (at: string, index: number) => `${at} + ${index * defaultLanes}u`;

const scoreOf = `
fn scoreOf(queryAt: u32, keyAt: u32) -> f32 {
  var dot = 0.0;
  for (var i = 0u; i < params.headSize; i++) { dot = fma(Q[queryAt + i], K[keyAt + i], dot); }
  return dot * params.scale;
}
`;

const pullOf = `
fn pullOf(outAt: u32, valueAt: u32) -> f32 {
  var dot = 0.0;
  for (var i = 0u; i < params.valueSize; i++) { dot = fma(G[outAt + i], V[valueAt + i], dot); }
  return dot;
}
`;

// Keys of a query are numbered through its ranges; every lane walks the ranges as its numbers grow.
const keyWalk = `
var<private> range: u32;
var<private> keysBefore: u32;
var<workgroup> keys: array<u32, ${defaultLanes}>;
fn keyCountOf(query: u32) -> u32 {
  var count = 0u;
  for (var each = query * params.rangeCount; each < (query + 1u) * params.rangeCount; each++) {
    count += Ranges[2u * each + 1u] - Ranges[2u * each];
  }
  return count;
}
fn keyAt(number: u32) -> u32 {
  loop {
    let size = Ranges[2u * range + 1u] - Ranges[2u * range];
    if (number - keysBefore < size) { break; }
    keysBefore += size;
    range++;
  }
  return Ranges[2u * range] + number - keysBefore;
}
`;

const sees = `
fn sees(query: u32, key: u32) -> bool {
  for (var each = query * params.rangeCount; each < (query + 1u) * params.rangeCount; each++) {
    if (Ranges[2u * each] <= key && key < Ranges[2u * each + 1u]) { return true; }
  }
  return false;
}
`;

const forwardKernel = defineKernel({
  label: "attention",
  buffers: {
    Q: "read f32",
    K: "read f32",
    V: "read f32",
    Ranges: "read u32",
    Out: "write f32",
    LogNormaliser: "write f32",
  },
  uniforms: extents,
  globals: `${laneReductions}${scoreOf}${keyWalk}\nvar<workgroup> weights: array<f32, ${defaultLanes}>;`,
  body: `
  if (group >= params.queryCount * params.headCount) { return; }
  let query = group / params.headCount;
  let kvHead = (group % params.headCount) / (params.headCount / params.groupCount);
  let keyCount = keyCountOf(query);
  range = query * params.rangeCount;
  let firstValue = slice * ${sliceSize}u;
  let reach = params.valueSize - firstValue;
  let mine = firstValue + lane;
  var highest = ${lowest};
  var total = 0.0;
  var sum = vec4f();
  for (var first = 0u; first < keyCount; first += ${defaultLanes}u) {
    let hasKey = first + lane < keyCount;
    var key = 0u;
    var score = ${lowest};
    if (hasKey) {
      key = keyAt(first + lane);
      score = scoreOf(group * params.headSize, (key * params.groupCount + kvHead) * params.headSize);
    }
    let newHighest = max(highest, maxOver(lane, score));
    let weight = select(0.0, exp(score - newHighest), hasKey);
    weights[lane] = weight;
    keys[lane] = key;
    let kept = exp(highest - newHighest);
    total = total * kept + sumOver(lane, weight);
    sum *= kept;
    let count = min(${defaultLanes}u, keyCount - first);
    for (var j = 0u; j < count; j++) {
      let w = weights[j];
      let at = (keys[j] * params.groupCount + kvHead) * params.valueSize + mine;
      ${eachPart("reach", (index, component) => `sum.${component} = fma(w, V[${part("at", index)}], sum.${component});`)}
    }
    highest = newHighest;
  }
  let at = group * params.valueSize + mine;
  ${eachPart("reach", (index, component) => `if (${part("mine", index)} < params.valueSize) { Out[${part("at", index)}] = sum.${component} / total; }`)}
  if (slice == 0u && lane == 0u) { LogNormaliser[group] = highest + log(total); }
`,
});

// Stats[2i] is the log-normaliser of query head i, Stats[2i + 1] its δ = Σ g·out.
const statsKernel = defineKernel({
  label: "attention-grad-stats",
  buffers: { Out: "read f32", LogNormaliser: "read f32", G: "read f32", Stats: "write f32" },
  uniforms: { count: "u32", valueSize: "u32" },
  body: `
  let at = ${itemOfLane};
  if (at >= params.count) { return; }
  var delta = 0.0;
  for (var i = at * params.valueSize; i < (at + 1u) * params.valueSize; i++) { delta = fma(G[i], Out[i], delta); }
  Stats[2u * at] = LogNormaliser[at];
  Stats[2u * at + 1u] = delta;
`,
});

const queryGradKernel = defineKernel({
  label: "attention-grad-query",
  buffers: {
    Q: "read f32",
    K: "read f32",
    V: "read f32",
    Ranges: "read u32",
    Stats: "read f32",
    G: "read f32",
    DQ: "write f32",
  },
  uniforms: extents,
  globals: `${scoreOf}${pullOf}${keyWalk}\nvar<workgroup> slopes: array<f32, ${defaultLanes}>;`,
  body: `
  if (group >= params.queryCount * params.headCount) { return; }
  let query = group / params.headCount;
  let kvHead = (group % params.headCount) / (params.headCount / params.groupCount);
  let keyCount = keyCountOf(query);
  range = query * params.rangeCount;
  let firstElement = slice * ${sliceSize}u;
  let reach = params.headSize - firstElement;
  let mine = firstElement + lane;
  var sum = vec4f();
  for (var first = 0u; first < keyCount; first += ${defaultLanes}u) {
    var key = 0u;
    var slope = 0.0;
    if (first + lane < keyCount) {
      key = keyAt(first + lane);
      let row = key * params.groupCount + kvHead;
      let weight = exp(scoreOf(group * params.headSize, row * params.headSize) - Stats[2u * group]);
      slope = weight * (pullOf(group * params.valueSize, row * params.valueSize) - Stats[2u * group + 1u]) * params.scale;
    }
    slopes[lane] = slope;
    keys[lane] = key;
    workgroupBarrier();
    let count = min(${defaultLanes}u, keyCount - first);
    for (var j = 0u; j < count; j++) {
      let w = slopes[j];
      let at = (keys[j] * params.groupCount + kvHead) * params.headSize + mine;
      ${eachPart("reach", (index, component) => `sum.${component} = fma(w, K[${part("at", index)}], sum.${component});`)}
    }
    workgroupBarrier();
  }
  let at = group * params.headSize + mine;
  ${eachPart("reach", (index, component) => `if (${part("mine", index)} < params.headSize) { DQ[${part("at", index)}] = sum.${component}; }`)}
`,
});

const keyGradKernel = defineKernel({
  label: "attention-grad-key",
  buffers: {
    Q: "read f32",
    K: "read f32",
    V: "read f32",
    Ranges: "read u32",
    Stats: "read f32",
    G: "read f32",
    DK: "write f32",
    DV: "write f32",
  },
  uniforms: extents,
  globals: `${scoreOf}${pullOf}${sees}
var<workgroup> weights: array<f32, ${defaultLanes}>;
var<workgroup> slopes: array<f32, ${defaultLanes}>;
var<workgroup> seenFirst: array<u32, ${defaultLanes}>;
var<workgroup> seenLast: array<u32, ${defaultLanes}>;
var<workgroup> seen: vec2u;
`,
  body: `
  if (group >= params.keyCount * params.groupCount) { return; }
  let key = group / params.groupCount;
  let kvHead = group % params.groupCount;
  let headsPerGroup = params.headCount / params.groupCount;
  // The queries that see this key lie between the first and the last that do.
  var firstSeen = 0xffffffffu;
  var lastSeen = 0u;
  for (var query = lane; query < params.queryCount; query += ${defaultLanes}u) {
    if (sees(query, key)) {
      firstSeen = min(firstSeen, query);
      lastSeen = query;
    }
  }
  seenFirst[lane] = firstSeen;
  seenLast[lane] = lastSeen;
  workgroupBarrier();
  if (lane == 0u) {
    for (var other = 1u; other < ${defaultLanes}u; other++) {
      firstSeen = min(firstSeen, seenFirst[other]);
      lastSeen = max(lastSeen, seenLast[other]);
    }
    seen = vec2u(firstSeen, lastSeen);
  }
  let bounds = workgroupUniformLoad(&seen);
  let firstElement = slice * ${sliceSize}u;
  let keyReach = max(params.headSize, firstElement) - firstElement;
  let valueReach = max(params.valueSize, firstElement) - firstElement;
  let mine = firstElement + lane;
  var keySum = vec4f();
  var valueSum = vec4f();
  if (bounds.x <= bounds.y) {
    for (var first = bounds.x; first <= bounds.y; first += ${defaultLanes}u) {
      let query = first + lane;
      let isSeen = query <= bounds.y && sees(min(query, bounds.y), key);
      let count = min(${defaultLanes}u, bounds.y + 1u - first);
      for (var h = 0u; h < headsPerGroup; h++) {
        let head = kvHead * headsPerGroup + h;
        var weight = 0.0;
        var slope = 0.0;
        if (isSeen) {
          let row = query * params.headCount + head;
          weight = exp(scoreOf(row * params.headSize, group * params.headSize) - Stats[2u * row]);
          slope = weight * (pullOf(row * params.valueSize, group * params.valueSize) - Stats[2u * row + 1u]) * params.scale;
        }
        weights[lane] = weight;
        slopes[lane] = slope;
        workgroupBarrier();
        for (var j = 0u; j < count; j++) {
          let row = (first + j) * params.headCount + head;
          let w = weights[j];
          let s = slopes[j];
          let keyAt = row * params.headSize + mine;
          let valueAt = row * params.valueSize + mine;
          ${eachPart("keyReach", (index, component) => `keySum.${component} = fma(s, Q[${part("keyAt", index)}], keySum.${component});`)}
          ${eachPart("valueReach", (index, component) => `valueSum.${component} = fma(w, G[${part("valueAt", index)}], valueSum.${component});`)}
        }
        workgroupBarrier();
      }
    }
  }
  let keyAt = group * params.headSize + mine;
  let valueAt = group * params.valueSize + mine;
  ${eachPart("keyReach", (index, component) => `if (${part("mine", index)} < params.headSize) { DK[${part("keyAt", index)}] = keySum.${component}; }`)}
  ${eachPart("valueReach", (index, component) => `if (${part("mine", index)} < params.valueSize) { DV[${part("valueAt", index)}] = valueSum.${component}; }`)}
`,
});

export function wgslAttention({ inputs, attrs, limits }: WgslCall<AttentionAttrs>): WgslProgram {
  const sizes = attentionExtents("attention", inputs, attrs);
  const buffers = { Q: input(0), K: input(1), V: input(2), Ranges: input(3), Out: output(0), LogNormaliser: output(1) };
  const groupCount = sizes.queryCount * attrs.headCount;
  const grid = gridOf(limits, groupCount, Math.ceil(sizes.valueSize / sliceSize));
  return { passes: [forwardKernel(buffers, { ...sizes, ...attrs }, grid)] };
}

export function wgslAttentionGrad({ inputs, attrs, limits }: WgslCall<AttentionAttrs>): WgslProgram {
  const sizes = attentionExtents("attentionGrad", inputs, attrs);
  const { queryCount, keyCount, headSize, valueSize } = sizes;
  const count = queryCount * attrs.headCount;
  const shared = { Q: input(0), K: input(1), V: input(2), Ranges: input(3), Stats: scratch(0), G: input(6) };
  const uniforms = { ...sizes, ...attrs };
  return {
    passes: [
      statsKernel(
        { Out: input(4), LogNormaliser: input(5), G: input(6), Stats: scratch(0) },
        { count, valueSize },
        laneGrid(limits, count),
      ),
      queryGradKernel({ ...shared, DQ: output(0) }, uniforms, gridOf(limits, count, Math.ceil(headSize / sliceSize))),
      keyGradKernel(
        { ...shared, DK: output(1), DV: output(2) },
        uniforms,
        gridOf(limits, keyCount * attrs.groupCount, Math.ceil(Math.max(headSize, valueSize) / sliceSize)),
      ),
    ],
    scratch: [8 * count],
  };
}
