// Laws for tests of backbones.
export { type BackboneSubject, backboneLaws } from "./backbone-laws.ts";
