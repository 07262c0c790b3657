// Makes one replica set of the three nodes, once; run again it finds it made. Ends when there is a primary.
const config = JSON.parse(require("fs").readFileSync("/setup/replica-set.json", "utf8"));
try {
  rs.initiate(config);
} catch (error) {
  if (error.codeName !== "AlreadyInitialized") throw error;
}
for (let tries = 0; tries < 60; tries += 1) {
  const primary = rs.status().members.some((member) => member.stateStr === "PRIMARY");
  if (primary) quit(0);
  sleep(500);
}
print("No primary after 30 s.");
quit(1);
