/// SayIt's REST API for Flutter and Dart.
library;

export 'src/client.dart' show SayItClient;
export 'src/events.dart' show JobEvent;
export 'src/problem.dart' show SayItProblem;
