import 'dart:async';
import 'dart:convert';
import 'dart:math';

import 'package:http/http.dart' as http;

import 'events.dart';
import 'problem.dart';

/// Called while audio is sent: bytes sent so far, and all.
typedef UploadProgress = void Function(int sent, int total);

/// A client of SayIt's REST API.
class SayItClient {
  SayItClient(this.base, {String apiKey = '', String language = 'ko', http.Client? client})
      : _client = client ?? http.Client(),
        _headers = <String, String>{
          'Accept-Language': language,
          if (apiKey.isNotEmpty) 'Authorization': 'Bearer $apiKey',
        };

  /// Where the bridge is, such as http://127.0.0.1:3000.
  final Uri base;
  final http.Client _client;
  final Map<String, String> _headers;

  /// Ends all calls.
  void close() => _client.close();

  /// Sends audio, waits for its text and returns the transcript; [options] as for [createJob].
  Future<Map<String, dynamic>> transcribe(
    Stream<List<int>> audio,
    int length, {
    String filename = '',
    String language = 'auto',
    Map<String, String> options = const <String, String>{},
    UploadProgress? onUploadProgress,
    void Function(JobEvent event)? onEvent,
  }) async {
    final job = await createJob(
      audio,
      length,
      filename: filename,
      language: language,
      options: options,
      onUploadProgress: onUploadProgress,
    );
    final id = job['id'] as String;
    await for (final event in events(id)) {
      onEvent?.call(event);
      if (event.type == 'failed') {
        final error = event.data['error'] as Map<String, dynamic>;
        throw SayItProblem(status: 409, code: error['code'] as String, message: error['message'] as String);
      }
      if (event.isLast && event.type == 'state') {
        throw const SayItProblem(status: 409, code: 'JOB_CANCELLED', message: 'The job was cancelled.');
      }
    }
    return transcript(id);
  }

  /// Sends audio and returns the job as soon as it is accepted; from then on nothing of it is lost.
  ///
  /// [options] are the others of docs/rest.md, such as `{'vocabulary': 'team', 'languages': 'ko,en'}`.
  /// The same [idempotencyKey] never makes two jobs: give one to try again after a broken connection.
  Future<Map<String, dynamic>> createJob(
    Stream<List<int>> audio,
    int length, {
    String filename = '',
    String language = 'auto',
    Map<String, String> options = const <String, String>{},
    String? idempotencyKey,
    UploadProgress? onUploadProgress,
  }) async {
    final uri = _uri('/v1/jobs', <String, String>{
      ...options,
      'language': language,
      if (filename.isNotEmpty) 'filename': filename,
    });
    final request = http.StreamedRequest('POST', uri)
      ..contentLength = length
      ..headers.addAll(_headers)
      ..headers['Content-Type'] = 'application/octet-stream'
      ..headers['Idempotency-Key'] = idempotencyKey ?? _newKey();
    final answering = _client.send(request);
    // Not awaited: after an early refusal the rest is not read, and the answer says why.
    unawaited(request.sink.addStream(_counted(audio, length, onUploadProgress)).whenComplete(request.sink.close));
    return _json(await http.Response.fromStream(await answering));
  }

  /// A job as it is now.
  Future<Map<String, dynamic>> job(String id) async =>
      _json(await _client.get(_uri('/v1/jobs/$id'), headers: _headers));

  /// A job's events after [afterSeq] until its last one, across broken connections.
  Stream<JobEvent> events(String id, {int afterSeq = 0}) =>
      watch(_client, _uri('/v1/jobs/$id/events'), _headers, afterSeq: afterSeq);

  /// A finished job's transcript; [raw] as the model wrote it, whatever its options ask for.
  Future<Map<String, dynamic>> transcript(String id, {bool raw = false}) async => _json(
        await _client.get(
          _uri('/v1/jobs/$id/transcript', <String, String>{'format': 'json', 'raw': '$raw'}),
          headers: _headers,
        ),
      );

  /// Cancels a job; an ended one is returned as it is.
  Future<Map<String, dynamic>> cancel(String id) async =>
      _json(await _client.post(_uri('/v1/jobs/$id:cancel'), headers: _headers));

  Uri _uri(String path, [Map<String, String>? query]) => base.replace(path: path, queryParameters: query);

  Map<String, dynamic> _json(http.Response answer) {
    final body = utf8.decode(answer.bodyBytes);
    if (answer.statusCode < 200 || answer.statusCode > 299) {
      throw SayItProblem.of(answer.statusCode, body);
    }
    return jsonDecode(body) as Map<String, dynamic>;
  }
}

Stream<List<int>> _counted(Stream<List<int>> audio, int total, UploadProgress? onProgress) async* {
  var sent = 0;
  await for (final piece in audio) {
    yield piece;
    sent += piece.length;
    onProgress?.call(sent, total);
  }
}

String _newKey() {
  final random = Random.secure();
  return List<String>.generate(16, (_) => random.nextInt(256).toRadixString(16).padLeft(2, '0')).join();
}
