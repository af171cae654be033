import 'dart:async';
import 'dart:convert';

import 'package:http/http.dart' as http;

import 'problem.dart';

/// Something that happened to a job.
class JobEvent {
  const JobEvent(this.data);

  /// The whole event as the service sends it; see EventDocument in the OpenAPI document.
  final Map<String, dynamic> data;

  /// state, text, refinement, completed, failed, progress or partial.
  String get type => data['type'] as String;

  /// Number of a durable event, without gaps; null for progress and partial text.
  int? get seq => data['seq'] as int?;

  /// Whether no event follows this one.
  bool get isLast =>
      type == 'completed' || type == 'failed' || (type == 'state' && data['state'] == 'cancelled');

  /// The text of a text, refinement or partial event; empty for every other.
  String get text => ((data['segments'] as List<dynamic>?) ?? const <dynamic>[])
      .map((dynamic segment) => (segment as Map<String, dynamic>)['text'] as String)
      .join(' ');
}

/// A job's events until its last one, across broken connections: no durable event twice, none missed.
///
/// Throws [SayItProblem] for what the service says about the job, and the connection's error after [patience] without
/// any progress.
Stream<JobEvent> watch(
  http.Client client,
  Uri uri,
  Map<String, String> headers, {
  int afterSeq = 0,
  Duration patience = const Duration(minutes: 1),
}) async* {
  var seq = afterSeq;
  var pause = const Duration(milliseconds: 250);
  final heard = Stopwatch()..start();
  while (true) {
    Object broken = http.ClientException('The stream ended before the job.', uri);
    try {
      final request = http.Request('GET', uri)
        ..headers.addAll(headers)
        ..headers['Accept'] = 'text/event-stream';
      if (seq > 0) {
        request.headers['Last-Event-ID'] = '$seq';
      }
      final answer = await client.send(request);
      if (answer.statusCode == 204) {
        return;
      }
      if (answer.statusCode != 200) {
        throw SayItProblem.of(answer.statusCode, await answer.stream.bytesToString());
      }
      await for (final event in eventsOf(answer.stream)) {
        heard.reset();
        pause = const Duration(milliseconds: 250);
        final number = event.seq;
        if (number != null) {
          if (number <= seq) {
            continue;
          }
          seq = number;
        }
        yield event;
        if (event.isLast) {
          return;
        }
      }
    } on SayItProblem catch (problem) {
      if (!problem.retryable) {
        rethrow;
      }
      broken = problem;
    } on http.ClientException catch (error) {
      broken = error;
    } on FormatException catch (error) {
      // The connection broke in the middle of an event.
      broken = error;
    }
    if (heard.elapsed > patience) {
      throw broken;
    }
    await Future<void>.delayed(pause);
    pause = pause * 2 > const Duration(seconds: 5) ? const Duration(seconds: 5) : pause * 2;
  }
}

/// Server-sent events, comments left out. The service writes the data of an event in one line.
Stream<JobEvent> eventsOf(Stream<List<int>> bytes) async* {
  await for (final line in bytes.transform(utf8.decoder).transform(const LineSplitter())) {
    if (line.startsWith('data:')) {
      yield JobEvent(jsonDecode(line.substring(5)) as Map<String, dynamic>);
    }
  }
}
