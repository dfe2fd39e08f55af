// Laws of gates.
export {};
