// Public names of @dual-head/hub/testing.
export {
  startTestHub,
  type TestFault,
  type TestHub,
  type TestRepository,
  type TestRequest,
  testCommit,
} from "./hub-server.ts";
